"""Writes the vectors of the native file format into this folder, according to docs/file-format.md alone.

    python testdata/native/make_vectors.py          # PyPI cryptography 50 or newer

All values are derived from names, except the salts of the bodies and what depends on them. The committed vectors are not
written again. The part above `rule` is a writer of the format, which the conformance suites use too.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

MAGIC = b"\x89bulla\r\n"
SET, FILE = 1, 2
PAGE, MIB = 4096, 1024 * 1024
CHUNK, PREFIX = 16384 + 16, 24 + 32  # of the body: a full chunk with its tag, salt and commitment
CONTEXT = {"file": "sales.csv", "部门": "销售"}


@dataclass(frozen=True)
class Wrap:
    """A wrapped key in a slot."""

    kind: int
    key_id: str
    key_version_id: str
    region: str
    blob: str

    def __bytes__(self):
        texts = (self.key_id, self.key_version_id, self.region, self.blob)
        return bytes([self.kind]) + b"".join(struct.pack(">H", len(text)) + text.encode() for text in texts)


@dataclass(frozen=True)
class Native:
    """The parts of a file, each of which can be broken."""

    prelude: bytes
    bound: bytes
    slots: tuple
    body: bytes

    def __bytes__(self):
        return b"".join((self.prelude, self.bound, *self.slots, self.body))


def prelude(slots, slot_size, bound_length, magic=MAGIC, version=1, suite=1, zero=0):
    return struct.pack(">8sBBBBII", magic, version, suite, slots, zero, slot_size, bound_length)


def canonical(context):
    """Returns the encryption context in canonical form: sorted by the bytes of the names, with length prefixes."""
    pairs = sorted((name.encode(), value.encode()) for name, value in context.items())
    texts = b"".join(struct.pack(">I", len(text)) + text for pair in pairs for text in pair)
    return struct.pack(">I", len(pairs)) + texts


def bound(file_id, set_id, context=b"", mode=None, size=None, mtime=None, known=None):
    """Returns the bound part without padding. `context` is in canonical form; None means not known."""
    if known is None:
        known = sum(1 << bit for bit, fact in enumerate((mode, size, mtime)) if fact is not None)
    facts = struct.pack(">BIQqI", known, mode or 0, size or 0, *(mtime or (0, 0)))
    return file_id + set_id + struct.pack(">I", len(context)) + context + facts


def slot(wraps, size, generation=1, count=None):
    content = struct.pack(">QH", generation, len(wraps) if count is None else count)
    return with_hash((content + b"".join(map(bytes, wraps))).ljust(size - 32, b"\0"))


def with_hash(content):
    """Returns a slot from its bytes after the hash."""
    return hashlib.sha256(content).digest() + content


def slot_size(wraps, slots):
    """Returns at least twice the size of the wraps, rounded up; to whole pages if there are two slots."""
    unit = PAGE if slots == 2 else 512
    return -(-(42 + 2 * sum(len(bytes(wrap)) for wrap in wraps)) // unit) * unit


def file_key(data_key, file_id):
    """Derives the body key of a file from the data key of its run."""
    return HKDFExpand(SHA512(), 32, b"bulla/v1/file" + file_id).derive(data_key)


def seal(key, head, plain):
    """Returns the body. `head` is prelude and bound part."""
    encryptor = Cobblestone256Encryptor(key, b"bulla/v1\0" + head)
    return encryptor.update(plain) + encryptor.finalize()


def native(plain, body_key, wraps, ids, context=None, mode=0o640, mtime=(1_554_681_600, 5), streamed=False):
    """Returns a valid file. `ids` are file id and set id. A stream has no known metadata, and two slots."""
    facts = {} if streamed else {"mode": mode, "size": len(plain), "mtime": mtime}
    slots = 2 if streamed or len(plain) >= MIB else 1
    bound_part = bound(*ids, canonical(context or {}), **facts)
    if slots == 2:
        bound_part = bound_part.ljust(-(-(20 + len(bound_part)) // PAGE) * PAGE - 20, b"\0")
    size = slot_size(wraps, slots)
    head = prelude(slots, size, len(bound_part)), bound_part
    return Native(*head, (slot(wraps, size),) * slots, seal(body_key, b"".join(head), plain))


def rule(size):
    """Returns the plaintext of the vectors: byte i is (i ^ i >> 8 ^ i >> 16) & 255."""
    return bytes((i ^ i >> 8 ^ i >> 16) & 255 for i in range(size))


# Only for the vectors.

ONE, TWO = (
    (f"{name}0000000-0000-4000-8000-000000000000", f"{name}1111111-1111-4111-8111-111111111111")
    for name in "ab"
)
PLAIN, LONG = rule(100), rule(2 * 16384 + 100)  # LONG: two full chunks and a short one
KEYS = {}
VECTORS = []


def named(name, length=32):
    """Derives bytes from a name, for keys and ids of the vectors."""
    return hashlib.sha512(name.encode()).digest()[:length]


def wrapped(kind, key, by=ONE, context=None, region="cn-hangzhou", known=True, answers=None):
    """Returns a wrap of `key`. The toy KMS returns `answers` as the KeyId, if given, or does not know the wrap."""
    key_id, version = by
    hidden = hashlib.sha512(b"hidden" + key + canonical(context or {}) + version.encode()).digest()
    blob = base64.b64encode(version.encode() + hidden + bytes(20)).decode()
    if known:
        KEYS[blob] = {
            "data_key_b64": base64.b64encode(key).decode(),
            "key_id": answers or key_id,
            "key_version_id": version,
            "context": context or {},
        }
    return Wrap(kind, key_id, version, region, blob)


class Run:
    """The ids and keys of one file, derived from its name and that of its run."""

    def __init__(self, name, of="run"):
        self.ids = named(f"file id of {name}", 16), named(f"set id of {of}", 16)
        self.data_key = named(f"data key of {of}")
        self.body_key = file_key(self.data_key, self.ids[0])

    def wrap(self, **how):
        return wrapped(SET, self.data_key, **how)

    def file(self, plain=PLAIN, wraps=None, **how):
        wraps = wraps or [self.wrap(context=how.get("context"))]
        return native(plain, self.body_key, wraps, self.ids, **how)

    def odd(self, bound_part=None, slots=None, streamed=False, **fields):
        """Returns a file with a broken header, to which its body is bound."""
        good = self.file(streamed=streamed)
        bound_part, slots = bound_part or good.bound, slots or good.slots
        head = prelude(len(slots), len(slots[0]), len(bound_part), **fields)
        return Native(head, bound_part, tuple(slots), seal(self.body_key, head + bound_part, PLAIN))


def write(name, file, error=None, plain=PLAIN, wraps=(), context=None, **more):
    """Writes one vector. `wraps` are those of the newest valid slot."""
    (HERE / f"{name}.bulla").write_bytes(bytes(file))
    place = {}
    if isinstance(file, Native):
        place = {"file_id": file.bound[:16].hex(), "body_offset": len(bytes(file)) - len(file.body)}
    VECTORS.append(
        {
            "file": f"{name}.bulla",
            "error": error,
            **place,
            "plaintext_len": len(plain),
            "plaintext_sha256": hashlib.sha256(plain).hexdigest(),
            "context": context or {},
            "wraps": [
                {
                    "kind": {SET: "set", FILE: "file"}.get(wrap.kind, str(wrap.kind)),
                    "key_id": wrap.key_id,
                    "key_version_id": wrap.key_version_id,
                    "region": wrap.region,
                    "ciphertext_blob": wrap.blob,
                }
                for wrap in wraps
            ],
            **more,
        }
    )


def flipped(data, at, bit=0):
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


HERE = Path(__file__).resolve().parent


def good():
    for size in (0, 1, 16383, 16384, 16385, 32768, 65536, 1_048_577):
        run, plain = Run(f"{size}-bytes"), rule(size)
        wraps = [run.wrap(region="" if size == 0 else "cn-hangzhou")]
        write(f"{size}-bytes", run.file(plain, wraps), plain=plain, wraps=wraps)

    run = Run("context")
    wraps = [run.wrap(context=CONTEXT)]
    write("context", run.file(wraps=wraps, context=CONTEXT), wraps=wraps, context=CONTEXT)
    run = Run("before-1970")
    write("before-1970", run.file(mode=0, mtime=(-1, 999_999_999)), wraps=[run.wrap()])
    run = Run("stream")
    write("stream", run.file(streamed=True), wraps=[run.wrap()])
    run = Run("file-wrap")
    wraps = [wrapped(FILE, run.body_key)]
    write("file-wrap", run.file(wraps=wraps), wraps=wraps)
    run = Run("two-recipients")
    wraps = [run.wrap(by=TWO, known=False), wrapped(FILE, run.body_key)]
    write("two-recipients", run.file(wraps=wraps), wraps=wraps)

    run = Run(
        "rewrap-cut-short"
    )  # slot 0 is new, with a key that the KMS does not know; slot 1 is still old
    file, new = run.file(streamed=True), [wrapped(FILE, run.body_key, by=TWO, known=False)]
    slots = slot(new, len(file.slots[0]), generation=2), file.slots[1]
    write("rewrap-cut-short", replace(file, slots=slots), wraps=new)
    for torn in (0, 1):
        run = Run(f"slot-{torn}-torn-beside-good")
        file = run.file(streamed=True)
        slots = tuple(half_zeroed(slot) if at == torn else slot for at, slot in enumerate(file.slots))
        write(f"slot-{torn}-torn-beside-good", replace(file, slots=slots), wraps=[run.wrap()], warning="slot")


def half_zeroed(slot):
    """Returns a slot with only the first half of its content written."""
    half = len(slot.rstrip(b"\0")) // 2
    return slot[:half].ljust(len(slot), b"\0")


def broken_preludes():
    def case(name, error, **fields):
        run = Run(name)
        write(name, run.odd(**fields), error, wraps=[run.wrap()])

    case("broken-magic", "not_bulla", magic=b"\x89bulla\n\n")
    case("broken-version", "newer", version=2)
    case("broken-suite", "newer", suite=2)
    case("broken-reserved", "damaged", zero=1)
    run = Run("broken-slot-count")
    write(
        "broken-slot-count",
        run.odd(slots=[run.file(streamed=True).slots[0]] * 3),
        "damaged",
        wraps=[run.wrap()],
    )
    run = Run("broken-slot-size")  # two slots that are not page-aligned
    write(
        "broken-slot-size",
        run.odd(slots=[slot([run.wrap()], PAGE + 512)] * 2, streamed=True),
        "damaged",
        wraps=[run.wrap()],
    )
    run = Run("broken-bound-length")  # two slots after a bound part that does not end at a page boundary
    bound_part = run.file(streamed=True).bound + b"\0"
    write("broken-bound-length", run.odd(bound_part, streamed=True), "damaged", wraps=[run.wrap()])
    run = Run("header-oversized")
    write("header-oversized", run.odd(slots=[slot([run.wrap()], 65536)]), "damaged", wraps=[run.wrap()])
    run = Run("prelude-changed")  # the second slot is removed, also from the prelude
    file = run.file(streamed=True)
    head = flipped(flipped(file.prelude, 10, 0), 10, 1)
    write("prelude-changed", replace(file, prelude=head, slots=file.slots[:1]), "damaged", wraps=[run.wrap()])


def broken_bounds():
    def case(name, pad=b"", reads=None, **changes):
        """Writes a file with an invalid bound part. A reader that accepts it passes the context `reads` to the KMS."""
        run = Run(name)
        facts = {"context": canonical({}), "mode": 0o640, "size": len(PLAIN), "mtime": (1_554_681_600, 5)}
        wraps = [run.wrap(context=reads)]
        file = run.odd(bound(*run.ids, **facts | changes) + pad, [slot(wraps, slot_size(wraps, 1))])
        write(name, file, "damaged", wraps=wraps, context=reads)

    case("broken-padding", pad=bytes(7) + b"\x01")
    case("broken-known-bits", known=15)
    case("broken-unknown-not-zero", known=5)
    case("broken-mode", mode=0o10000)
    case("broken-nanos", mtime=(1_554_681_600, 10**9))
    case("size-wrong", size=len(PLAIN) + 1)
    one, two = (struct.pack(">I", 1) + name + struct.pack(">I", 1) + b"x" for name in (b"a", b"b"))
    case("broken-context-order", context=struct.pack(">I", 2) + two + one, reads={"a": "x", "b": "x"})
    case("broken-context-twice", context=struct.pack(">I", 2) + one + one, reads={"a": "x"})
    case("broken-context-length", context=canonical({}) + b"\0")
    run = Run("bound-too-short")
    write("bound-too-short", run.odd(run.file().bound[:-1]), "damaged", wraps=[run.wrap()])

    def changed(name, at, context=None, reads=None):
        """Writes a file with one flipped bit in its bound part, whose context then `reads` so."""
        run = Run(name)
        file = run.file(context=context)
        file = replace(file, bound=flipped(file.bound, at(file.bound)))
        write(name, file, "damaged", wraps=[run.wrap(context=context)], context=reads)

    changed("file-id-changed", lambda bound: 0)
    changed("set-id-changed", lambda bound: 16)
    changed("mode-changed", lambda bound: len(bound) - 21)
    changed("mtime-changed", lambda bound: len(bound) - 5)
    edited = CONTEXT | {"file": "sales.csw"}
    changed("context-changed", lambda bound: bound.index(b".csv") + 3, CONTEXT, edited)


def broken_slots():
    def case(name, change, streamed=False):
        run = Run(name)
        file = run.file(streamed=streamed)
        slots = tuple(change(run, slot) for slot in file.slots)
        write(name, replace(file, slots=slots), "damaged", wraps=[run.wrap()])

    case("slot-torn", lambda run, slot: half_zeroed(slot))
    case("slots-both-torn", lambda run, slot: half_zeroed(slot), streamed=True)
    case("slot-hash-flipped", lambda run, slot: flipped(slot, 31))
    case("slot-padding-not-zero", lambda run, slot: with_hash(slot[32:-1] + b"\x01"))
    case("slot-no-wraps", lambda run, old: slot([], len(old)))
    run = Run("slot-too-many-wraps")
    wraps = [run.wrap()] * 33
    write("slot-too-many-wraps", run.file(wraps=wraps), "damaged", wraps=wraps)
    case("wrap-runs-out-of-slot", lambda run, old: slot([overlong(run.wrap())], len(old)))
    case("wrap-of-no-key-id", lambda run, old: slot([replace(run.wrap(), key_id="")], len(old)))

    def wrap(name, make, error="damaged"):
        run = Run(name)
        wraps = make(run)
        write(name, run.file(wraps=wraps), error, wraps=wraps)

    wrap("wrap-of-unknown-kind", lambda run: [replace(run.wrap(), kind=3)])
    wrap("wrap-of-unknown-key", lambda run: [run.wrap(by=TWO, known=False)], "unknown_key")
    wrap("wrap-of-another-file", lambda run: [wrapped(FILE, Run("1-bytes").body_key)])
    wrap("set-of-another-run", lambda run: [Run("1-bytes", of="another run").wrap()])
    wrap("key-id-lies", lambda run: [run.wrap(by=(TWO[0], ONE[1]), answers=ONE[0])], "key_mismatch")


def overlong(wrap):
    """Returns a wrap whose blob claims to be longer than the slot."""
    blob = struct.pack(">H", len(wrap.blob)) + wrap.blob.encode()
    return bytes(wrap).replace(blob, struct.pack(">H", 16000) + wrap.blob.encode())


def broken_bodies():
    def case(name, change, error="damaged", plain=LONG, streamed=True):
        run = Run(name)
        file = run.file(plain, streamed=streamed)
        body = change(file.body)
        assert body != file.body
        write(name, replace(file, body=body), error, plain=plain, wraps=[run.wrap()])

    def chunks(change):
        """Returns a change of the list of chunks."""
        return lambda body: (
            body[:PREFIX]
            + b"".join(change([body[at : at + CHUNK] for at in range(PREFIX, len(body), CHUNK)]))
        )

    case("salt-flipped", lambda body: flipped(body, 0), plain=PLAIN, streamed=False)
    case("commitment-flipped", lambda body: flipped(body, 55), plain=PLAIN, streamed=False)
    case("body-missing", lambda body: b"", "truncated", PLAIN, streamed=False)
    case("body-cut-in-commitment", lambda body: body[:50], "truncated", PLAIN, streamed=False)
    case("tail-cut-to-prefix", lambda body: body[:PREFIX], "truncated")
    case("chunks-swapped", chunks(lambda list: [list[1], list[0], list[2]]))
    case("chunk-dropped", chunks(lambda list: [list[0], list[2]]))
    case("chunk-repeated", chunks(lambda list: [list[0], list[1], list[1], list[2]]))
    case("last-chunk-dropped", lambda body: body[: PREFIX + 2 * CHUNK], "truncated")
    case("cut-off-border", lambda body: body[:-50])
    case("cut-off-border-of-known-size", lambda body: body[:-50], streamed=False)
    case("cut-in-tag", lambda body: body[:-8], "truncated", rule(2 * 16384))
    case("bytes-appended", lambda body: body + bytes(20))
    case("chunk-bit-flipped", lambda body: flipped(body, PREFIX + CHUNK + 8192))
    case("tag-bit-flipped", lambda body: flipped(body, len(body) - 1))


def cut_headers():
    run = Run("header-cut")
    file = bytes(run.file())
    write("header-cut", file[: 20 + 65 + 200], "truncated", wraps=[run.wrap()])
    write("header-cut-in-prelude", file[:12], "truncated", wraps=[run.wrap()])


def main():
    for vectors in (good, broken_preludes, broken_bounds, broken_slots, cut_headers, broken_bodies):
        vectors()
    text = json.dumps({"keys": KEYS, "vectors": VECTORS}, ensure_ascii=False, indent=1)
    (HERE / "vectors.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
