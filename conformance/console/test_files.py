"""The page about files shows what `bulla inspect` prints for valid, unusual, damaged and truncated headers, and uploads nothing."""

import hashlib
import json
import struct
import subprocess
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest

from serve import BULLA, ROOT, environment

VECTORS = [*sorted(ROOT.glob("testdata/native/*.bulla")), *sorted(ROOT.glob("testdata/text-format/*.cipher"))]
PROBLEMS = {
    "This file was not encrypted by bulla.",
    "A newer version of bulla has written this file.",
    "The header is damaged or cut off.",
}
KINDS = {"set": "data key of the run", "file": "key of this file"}
SHOWN = """
return Array.from(document.querySelectorAll("#headers > h2"), title => [title.innerText,
  Array.from(title.nextElementSibling.querySelectorAll("dt"),
             term => [term.textContent, term.nextElementSibling.textContent])]);
"""
RESOURCES = "return performance.getEntriesByType('resource').length"


@pytest.fixture
def browser(browser):
    """A window at the page, with a session of root."""
    browser.sign_in()
    browser.open("/console/files")
    return browser


def test_the_page_shows_what_inspect_prints_and_sends_nothing(browser, tmp_path):
    files = {path.name: path for path in VECTORS}
    for name, content in (odd_headers() | damaged()).items():
        files[name] = tmp_path / name
        files[name].write_bytes(content)
    expected = inspected(list(files.values()))
    loaded = browser.driver.execute(RESOURCES)
    before = requests(browser.server)
    choose(browser, files.values())
    shown = dict(wait_for_headers(browser, len(files)))
    assert shown.keys() == files.keys()
    differing = {name: (shown[name], expected[name]) for name in files if not agrees(shown[name], expected[name])}
    assert not differing, "\n".join(f"{name}:\n  {page}\n  {tool}" for name, (page, tool) in differing.items())
    assert sum(lines is not None for lines in expected.values()) > 40, "few headers are whole"

    assert browser.driver.execute(RESOURCES) == loaded
    assert requests(browser.server) == before
    assert not browser.complaints()


def test_files_are_dropped_on_the_page(browser):
    paths = [ROOT / "testdata/native/context.bulla", ROOT / "testdata/text-format/1-byte.cipher"]
    area = browser.driver.execute(
        "const r = document.getElementById('header-reader').getBoundingClientRect(); return [r.x + 9, r.y + 9]"
    )
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.driver.cdp("Input.dispatchDragEvent", type=kind, x=area[0], y=area[1], data=data)
    shown = wait_for_headers(browser, len(paths))
    expected = inspected(paths)
    assert [name for name, _ in shown] == [path.name for path in paths]
    assert all(agrees(lines, expected[name]) for name, lines in shown), shown
    assert browser.path == "/console/files", "the browser has not opened the file"


def choose(browser, paths):
    """Chooses files, as the file dialog of the browser does."""
    field = browser.field("Choose files, or drop them here")
    browser.driver.ask("POST", f"{field.path}/value", text="\n".join(map(str, paths)))


def wait_for_headers(browser, count):
    """Waits until the page shows all files, and returns what it shows."""

    def all_of_them():
        shown = browser.driver.execute(SHOWN)
        return shown if len(shown) == count else None

    shown = wait_for(all_of_them)
    return [(name, [tuple(line) for line in lines]) for name, lines in shown]


def wait_for(look):
    """Returns the first true result of `look`."""
    deadline = time.monotonic() + 20
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return seen


def requests(server):
    """Returns the lines of the request log."""
    return [line for line in server.complete_log().splitlines() if " request=" in line]


def agrees(shown, expected):
    """Whether the page shows the expected lines, or a problem if `expected` is None."""
    if expected is None:
        return len(shown) == 1 and shown[0][0] == "" and shown[0][1] in PROBLEMS
    return shown == expected


def inspected(paths):
    """Returns the expected lines for each file, by its name, from the JSON of `bulla inspect`; None for refused files."""
    done = subprocess.run([BULLA, "inspect", "--json", *paths], env=environment(paths[0].parent), capture_output=True)
    text, expected = done.stdout.decode(), {path.name: None for path in paths}
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        text = text[end:]
        expected[value["path"].rsplit("/", 1)[-1]] = of_native(value) if value["format"] == "bulla" else of_text(value)
    return expected


def of_text(value):
    """Returns the lines of the page for a file in the text format."""
    return [("Format", "four lines of text"), *(("Wrapped key", wrap["blob"]) for wrap in value["wraps"])]


def of_native(value):
    """Returns the lines of the page for a native file."""
    lines = [("Format", f"bulla {value['version']}, {value['suite']}")]
    length, size = value["plaintext_len"], value["size"]
    if length is not None or size is not None:
        differs = None not in (length, size) and length != size
        damaged = f", damaged; length when it was encrypted: {size}" if differs else ""
        lines.append(("Content", f"{size if length is None else length} bytes{damaged}"))
    if value["modified"]:
        lines.append(("Changed", time_of(value["modified"]["seconds"])))
    if value["mode"] is not None:
        lines.append(("Mode", f"{value['mode']:04o}"))
    context = sorted(value["context"].items(), key=lambda pair: pair[0].encode())
    lines += [("Encryption context", visible(f"{name}={text}")) for name, text in context] or [
        ("Encryption context", "none")
    ]
    lines += [("File id", b64decode(value["file_id"]).hex()), ("Run id", b64decode(value["set_id"]).hex())]
    lines.append(("Body begins at byte", str(value["body_offset"])))
    for index, slot in enumerate(value["slots"]):
        lines.append((f"Slot {index}", "damaged" if "damaged" in slot else f"generation {slot['generation']}"))
    for wrap in value["wraps"]:
        about = [wrap["key_version_id"], wrap["region"], KINDS[wrap["kind"]]]
        lines.append(("Opens with key", f"{wrap['key_id']} ({', '.join(filter(None, about))})"))
    return lines


def time_of(seconds):
    """Returns a time in UTC; seconds since the Unix epoch if the year does not have four digits."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"@{seconds}"
    return f"{at.isoformat(' ').removesuffix('+00:00')} UTC"


def visible(text):
    """Returns a text with the invisible characters of these tests replaced by their code points."""
    return "".join(f"[U+{ord(c):04X}]" if c in "\ufeff\u202e\n" else c for c in text)


def damaged():
    """Returns a native and a text header, truncated and changed at many offsets."""
    native = (ROOT / "testdata/native/context.bulla").read_bytes()
    text = (ROOT / "testdata/text-format/ascii-csv-crlf.cipher").read_bytes()
    header = struct.unpack(">II", native[12:20])
    header_length = 20 + header[1] + native[10] * header[0]
    made = {f"cut-{at}.bulla": native[:at] for at in [*range(0, 120, 7), *range(120, header_length, 997)]}
    made |= {f"cut-{at}.cipher": text[:at] for at in range(0, text.index(b"\n") + 30, 5)}
    made |= {f"changed-{at}.bulla": changed(native, at) for at in [*range(0, 200, 3), header_length - 1]}
    made |= {f"changed-{at}.cipher": changed(text, at) for at in range(0, text.index(b"\n") + 30, 5)}
    nonce = text.index(b"\n") + 1
    made["nonce-with-other-bits.cipher"] = text[: nonce + 21] + b"B==" + text[nonce + 24 :]
    made["nonce-too-long.cipher"] = text[: nonce + 21] + b"AAA" + text[nonce + 24 :]
    made["blob-with-other-bits.cipher"] = b"AAAAAAB=" + text[nonce - 1 :]
    made["blanks.cipher"] = text.replace(b"\n", b" \t\r\n")
    made["other-blanks.cipher"] = text.replace(b"\n", b"\xa0\n")
    for length in (16380, 16384):
        made[f"blob-of-{length}.cipher"] = b"A" * length + text[nonce - 1 :]
    return made


def changed(content, at):
    """Returns the content with a changed byte."""
    return content[:at] + bytes([content[at] ^ 0x15]) + content[at + 1 :]


def odd_headers():
    """Returns headers that bulla does not write, but that are well-formed."""
    one = wrap(b"key-1", b"version-1", b"", b"AAAA")
    return {
        "hidden-characters.bulla": native(context=[("\ufeffname", "\ufeffvalue"), ("\ufeffz", "a\u202eb\n")]),
        "order-of-bytes.bulla": native(context=[("\uffff", "1"), ("\U0001f511", "2")]),
        "same-key-twice.bulla": native(wraps=[one, wrap(b"key-1", b"version-1", b"", b"BBBB"), one]),
        "newest-generation.bulla": native(generation=2**64 - 1),
        "tiny-slot.bulla": native(slot_size=8),
        "largest-size.bulla": native(known=2, size=2**64 - 1),
        "year-9999.bulla": native(known=4, seconds=253402300799, nanos=999_999_999),
        "year-1.bulla": native(known=4, seconds=-62135596800),
    }


def native(context=(), known=0, size=0, seconds=0, nanos=0, wraps=None, generation=1, slot_size=512):
    """Returns a native header with one slot, and a short body."""
    pairs = struct.pack(">I", len(context))
    for text in (part.encode() for pair in context for part in pair):
        pairs += struct.pack(">I", len(text)) + text
    bound = bytes(range(32)) + struct.pack(">I", len(pairs)) + pairs
    bound += struct.pack(">BIQqI", known, 0, size, seconds, nanos)
    wraps = wraps or [wrap(b"key-1", b"version-1", b"cn-hangzhou", b64encode(b"wrapped"))]
    slot = (struct.pack(">QH", generation, len(wraps)) + b"".join(wraps)).ljust(slot_size, b"\0")[: slot_size - 32]
    slot = (hashlib.sha256(slot).digest() + slot)[:slot_size]
    prelude = b"\x89bulla\r\n" + struct.pack(">BBBBII", 1, 1, 1, 0, slot_size, len(bound))
    return prelude + bound + slot + bytes(200)


def wrap(*texts):
    """Returns a wrapped key of a slot."""
    return b"\x01" + b"".join(struct.pack(">H", len(text)) + text for text in texts)
