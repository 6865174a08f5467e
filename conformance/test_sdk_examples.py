"""The examples of docs/sdk.md and of the READMEs, as they stand there but for the address of the server."""

import re

import pytest

from example_program import run
from serve import ROOT

TEXT = (ROOT / "docs/sdk.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")[1:]}


def example(text):
    """The language of a section and its code: later blocks go on where the first one ends."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return blocks and (blocks[0][0], "".join(code for _, code in blocks))


EXAMPLES = {title: found for title, section in SECTIONS.items() if (found := example(section))}


@pytest.fixture(scope="module")
def work_key(old_sdk):
    """The key of the examples, under its alias."""
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    old_sdk.call("CreateAlias", KeyId=key_id, AliasName="alias/work")
    return key_id


@pytest.mark.parametrize("language, code", EXAMPLES.values(), ids=EXAMPLES)
def test_the_example_runs(server, work_key, tmp_path, language, code):
    output = run(server, tmp_path, language, code.replace("127.0.0.1:8443", server.address))
    # The examples in Python assert by themselves.
    assert language == "python" or output == f"{work_key} true\n"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_example_of_the_readme_runs(server, work_key, tmp_path, readme):
    code = re.search(r"^```python\n(.*?)^```$", (ROOT / readme).read_text(), re.MULTILINE | re.DOTALL)[1]
    assert "GenerateDataKey" in code, "the first example is the whole one"
    assert run(server, tmp_path, "python", code.replace("127.0.0.1:8443", server.address)) == ""


def test_every_section_has_an_example():
    """Or one was missed above: the table of clients counts them, and the command line has none."""
    assert len(EXAMPLES) == len(re.findall(r"^\| \[", TEXT, re.MULTILINE)) - 1
