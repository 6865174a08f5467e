"""The examples of docs/sdk.md, docs/first-steps.md and docs/guide.md as they are there, but for the address of the server."""

import re

import pytest

from example_program import run
from serve import ROOT

TEXT = (ROOT / "docs/sdk.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")[1:]}


def example(text):
    """The language of a section and its code: later blocks continue where the first one ends."""
    blocks = re.findall(r"^```(python|js|go|java)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return blocks and (blocks[0][0], "".join(code for _, code in blocks))


EXAMPLES = {title: found for title, section in SECTIONS.items() if (found := example(section))}


@pytest.fixture(scope="module")
def work_key(old_sdk):
    """The key of the examples, with its alias."""
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    old_sdk.call("CreateAlias", KeyId=key_id, AliasName="alias/work")
    return key_id


@pytest.mark.parametrize("language, code", EXAMPLES.values(), ids=EXAMPLES)
def test_the_example_runs(server, work_key, tmp_path, language, code):
    output = run(server, tmp_path, language, code.replace("127.0.0.1:8443", server.address))
    # The examples in Python contain their own assertions.
    assert language == "python" or output == f"{work_key} true\n"


@pytest.mark.parametrize("page", ["first-steps.md", "first-steps.zh-CN.md"])
def test_the_example_of_the_first_steps_runs(server, work_key, tmp_path, page):
    code = python_block(page)
    assert "GenerateDataKey" in code
    assert run(server, tmp_path, "python", code.replace("127.0.0.1:8443", server.address)) == ""


@pytest.mark.parametrize("page", ["guide.md", "guide.zh-CN.md"])
def test_the_line_of_the_guide_points_a_script_at_the_server(server, work_key, tmp_path, page):
    code = python_block(page).replace("127.0.0.1:8443", server.address)
    code = code.replace("Access-Key-Id", server.access_key_id).replace("Access-Key-Secret", server.access_key_secret)
    assert run(server, tmp_path, "python", BEFORE_THE_LINE + code + AFTER_THE_LINE) == f"{work_key}\n"


BEFORE_THE_LINE = "from aliyunsdkcore import client\n"
AFTER_THE_LINE = """
import json
from aliyunsdkkms.request.v20160120.DescribeKeyRequest import DescribeKeyRequest

request = DescribeKeyRequest()
request.set_KeyId("alias/work")
print(json.loads(clt.do_action_with_exception(request))["KeyMetadata"]["KeyId"])
"""


def python_block(page):
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    return code


def test_every_section_has_an_example():
    """No example was missed: the table of clients has one row for each, and one for the command line, which has none."""
    assert len(EXAMPLES) == len(re.findall(r"^\| \[", TEXT, re.MULTILINE)) - 1
