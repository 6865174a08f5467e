"""The reader in docs/audit-format.md, tested on the golden audit trail."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "testdata/golden/trail-v1"


def read(paths):
    """Runs the reader of the document, unchanged."""
    text = (ROOT / "docs/audit-format.md").read_text()
    program = text.partition("```python\n")[2].partition("```")[0]
    command = [sys.executable, "-c", program, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def files(directory):
    return sorted(directory.glob("audit-*.jsonl*"))


def test_the_golden_trail_verifies():
    done = read(files(GOLDEN))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"sealed up to line {(GOLDEN / 'sealed').read_text()}"


def test_a_changed_line_is_found(tmp_path):
    changed = tmp_path / "audit.jsonl"
    text = files(GOLDEN)[-1].read_text()
    changed.write_text(text.replace('"microseconds":41', '"microseconds":14'))
    done = read([changed])
    assert done.returncode == 1 and done.stderr.startswith("line 23 was changed"), done.stderr


def test_a_changed_seal_is_found(tmp_path):
    changed = tmp_path / "audit.jsonl"
    lines = files(GOLDEN)[-1].read_text().splitlines()
    seal = next(number for number, line in enumerate(lines) if '"type":"seal"' in line)
    lines[seal] = lines[seal].replace('"commit":42', '"commit":43')
    changed.write_text("\n".join(lines[: seal + 1]) + "\n")
    done = read([changed])
    assert done.returncode == 1 and "InvalidSignature" in done.stderr, done.stderr
