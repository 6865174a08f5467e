#!/usr/bin/env python3
"""Finds idioms that no lint of clippy catches, in Rust code outside tests; exits with 1 if there are any.

- `let (a, b) = (x, y);` binds in parallel what two lines say more plainly.
- `match ()` with guards is an `if` with several arms.
- A parameter that is a tuple hides parameters from the lint that counts them.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["crates/*/src/**/*.rs", "benches/src/**/*.rs"]

# What stays: the file, a part of the line, and why.
KEPT = [
    ("crates/kms/src/state/index/label.rs", "entry: (P, K)", "an entry of an index is one value"),
    ("crates/kms/src/store/memory.rs", "(table, primary_key): &RowKey", "an entry of a map, as its iterator gives it"),
]

TUPLE = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
IDIOMS = [
    (rf"\blet {TUPLE}(?:: [^=;]+)? =\s+{TUPLE};", "several values bound in parallel: give each a `let`"),
    (r"\bmatch \(\) \{", "a `match` on nothing: write `if` and `else if`"),
    (
        r"\bfn \w+[^{};]*?[(,]\s*(?:\([\w, ]+\)|(?:mut )?\w+): &?\([^()]*,",
        "a tuple as a parameter: take two, or a struct with a name",
    ),
]


def main():
    unused = set(KEPT)
    count = 0
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        for line, text, advice in idioms(path.read_text()):
            name = str(path.relative_to(ROOT))
            kept = {entry for entry in KEPT if entry[0] == name and entry[1] in text}
            unused -= kept
            if not kept:
                print(f"{name}:{line}: {advice}\n    {text}")
                count += 1
    for name, part, _ in sorted(unused):
        print(f"{name}: the exception for {part!r} matches nothing: drop it")
    sys.exit(bool(count or unused))


def idioms(code):
    """The line, its text and the advice for each idiom. Tests are the last item of a file."""
    code = code.partition("\n#[cfg(test)]\nmod tests {")[0]
    lines = code.splitlines()
    for pattern, advice in IDIOMS:
        for match in re.finditer(pattern, code):
            # Of a signature, the line of the parameter.
            line = code.count("\n", 0, match.end() if match[0].startswith("fn") else match.start())
            yield line + 1, lines[line].strip(), advice


main()
