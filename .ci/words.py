#!/usr/bin/env python3
"""Finds words of a private dialect in comments, documents and names; exits with 1 if there are any.

Reads comments of Rust, C, Go, Java, JavaScript, Python, shell, TOML, YAML and systemd units, docstrings and Markdown. Of the
code of Rust and Python it reads the names, whose words are separated by underscores or capitals. Of string literals it reads
those of more than one word below `crates/*/src`, which become texts, messages and pages. Other code, other string literals, inline
code and code blocks of Markdown are left out. A phrase is also found where it is wrapped to the next line.
"""

import functools
import io
import os
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Folders that are not read: what is built, and other repositories.
SKIPPED = {".git", "target"}

# What must not come back, and what to write instead.
WORDS = [
    (r"who(?:m|se)?ever", "name the actor: the caller, the client, the operator, another process"),
    (r"no one|nobody", "name the actor: no caller, no other process"),
    (r"some(?:body|one)(?: else)?|any(?:body|one)(?: else)?|every(?:body|one)", "name the actor"),
    (r"he|him|his|she|hers?|himself|herself", "name the actor, or use `they`"),
    (r"whatever", "any, regardless of"),
    (r"shall", "must, will, or the present tense"),
    (r"anew", "again"),
    (r"by (?:it|them)sel(?:f|ves)", "automatically, on its own, scheduled; or drop it"),
    (r"(?:of )?no (?:more )?use", "unused, expired, cannot be used"),
    (r"goes|going on|gone on", "name what happens: is sent, is written, continues, is deleted"),
    (r"lies|stands?", "is, is stored, remains, means"),
    (r"(?:is|are|was|were|being|been|be) told", "name who learns what from what: the caller gets, the error names"),
    (r"sa(?:y|ys|id|ying) nothing", "does not answer, is unavailable, has no statement"),
    (r"ha(?:s|ve|d|ving) a say|a say in", "apply, take part in the decision"),
    (r"(?:to|can|could) be had", "available"),
    (r"as good as", "equivalent to"),
    (r"nothing of (?:it|them|this|that)", "name what is missing"),
    (r"in some \w+ (?:seconds|minutes|hours)", "about ten seconds"),
    (r"makes? no sense", "is invalid, is malformed"),
    (r"become of|becomes of", "name the result"),
    (r"(?:is|are) no matter", "does not matter, is irrelevant"),
    (r"any more", "no longer"),
    (r"after all", "drop it, or name what is cancelled"),
    (r"once more", "again"),
    (r"for ever", "forever, permanently"),
    (r"giv(?:en|es|e|ing) out", "issued, returned"),
    (r"look(?:s|ed|ing)? at", "reads, checks, compares"),
    (r"tak(?:en|es|e|ing) away", "removed"),
    (r"put back", "rolled back, restored"),
    (r"(?:is|are|was|were|be) asked", "name the caller: calls, requests, prompts"),
    (r"in (?:the )?clear", "in plaintext"),
]

# What must not come back in texts for users either. In comments, these words have other uses.
STRING_WORDS = [
    (r"asks? (?:that|for a (?:code|passphrase|password)|the same)", "requires, prompts; name what is needed"),
    (r"(?:is|are) of", "names, uses, belongs to; or a colon: `newest:`"),
    (r"the newest of", "newest"),
    (r"that follow each other", "consecutive"),
    (r"forgets? it", "erase it"),
    (r"this once", "only once"),
    (r"go by", "use"),
]

# What must not come back in names either. In prose, these words have other uses.
NAME_WORDS = [
    (r"sa(?:id|ys)|tells|told", "name what is shown, reported, logged or returned"),
    (r"hears?", "gets, receives, is notified"),
    (r"asked", "requested, called, queried, checked"),
    (r"gone", "removed, deleted, missing"),
    (r"(?:is|are) over", "has ended, is due"),
    (r"pass(?:es|ed)? over", "skip"),
    (r"let go", "release"),
]

# Whole names in the code of the crates that do not describe the value. In longer names (`is_known`) they are precise.
VAGUE_NAMES = re.compile(r"said|told|given|known|wanted")
VAGUE_ADVICE = "name the value for what it is: requested, expected, parameters, candidates, backups"
VAGUE_PLACES = re.compile(r"crates/[^/]+/src/.*\.rs")

# What stays: the file, a part of the line, and why.
KEPT = [
    ("crates/envelope/src/native/header.rs", "known", "the field of docs/file-format.md"),
    ("crates/cli/src/commands/audit.rs", "mod wanted;", "the module of the type Wanted"),
    ("crates/cli/src/commands/audit/export.rs", "use super::wanted::", "the module of the type Wanted"),
    ("crates/cli/src/commands/audit/search.rs", "use super::wanted::", "the module of the type Wanted"),
]


def compiled(words):
    return [(re.compile(rf"\b(?:{phrase})\b".replace(" ", r"\s+"), re.IGNORECASE), advice) for phrase, advice in words]


TABLE = compiled(WORDS)
NAME_TABLE = compiled(WORDS + NAME_WORDS)
STRING_TABLE = compiled(WORDS + STRING_WORDS)


def main():
    unused = set(KEPT)
    count = 0
    for path in files():
        name = str(path.relative_to(ROOT))
        for line, text, found, advice in dialect(path):
            kept = {entry for entry in KEPT if entry[0] == name and entry[1] in text}
            unused -= kept
            if not kept:
                print(f"{name}:{line}: {found!r}: {advice}\n    {text}")
                count += 1
    for name, part, _ in sorted(unused):
        print(f"{name}: the exception for {part!r} matches nothing: drop it")
    sys.exit(bool(count or unused))


def files():
    """The files of the repository that have comments or text. Links lead to files that are read anyway."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - SKIPPED)
        paths = (Path(folder, name) for name in sorted(names))
        yield from (path for path in paths if path.is_file() and not path.is_symlink() and reader(path))


def dialect(path):
    """The line, its text, the words and the advice for each match in a file."""
    text = path.read_text()
    lines = text.splitlines()
    for table, prose in (TABLE, reader(path)(text)), (STRING_TABLE, texts(path, text)):
        for pattern, advice in table:
            for match in pattern.finditer(prose):
                line = text.count("\n", 0, match.start())
                yield line + 1, lines[line].strip(), " ".join(match[0].split()), advice
    is_checked = VAGUE_PLACES.fullmatch(str(path.relative_to(ROOT)))
    for name, start in names(path, text):
        vague = [VAGUE_ADVICE] if is_checked and VAGUE_NAMES.fullmatch(name) else []
        for advice in advice_on(name) + vague:
            line = text.count("\n", 0, start)
            yield line + 1, lines[line].strip(), name, advice


@functools.cache
def advice_on(name):
    """The advice for each match in a name; `is_gone`, `IS_GONE` and `isGone` have the same words."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", name)
    return [advice for pattern, advice in NAME_TABLE if pattern.search(words)]


def texts(path, text):
    """The string literals of several words in the sources of a crate, in a text of the same length."""
    if path.suffix != ".rs" or path.relative_to(ROOT).parts[::2][:2] != ("crates", "src"):
        return ""
    spans = [match.span() for match in SLASHES.finditer(text) if not match["comment"] and " " in match[0]]
    return ESCAPE.sub(spaces, keep(text, spans, '"'))


def names(path, text):
    """The names in the code of a file, and where each one starts."""
    if path.suffix == ".rs":
        return [(match[0], match.start()) for match in NAME.finditer(SLASHES.sub(blank, text))]
    if path.suffix == ".py":
        return [(token.string, start) for token, start, _ in tokens(text) if token.type == tokenize.NAME]
    return []


def reader(path):
    """The function that finds the prose in a file of this kind; none for other kinds."""
    if path.suffix in {".rs", ".c", ".go", ".java", ".js"}:
        return slashes
    if path.suffix == ".py":
        return python
    if path.suffix == ".md":
        return markdown
    if path.suffix in {".sh", ".toml", ".yml", ".service"} or path.suffix == "" and path.read_bytes().startswith(b"#!/"):
        return hashes
    return None


# Each reader returns a text of the same length: prose at its place, spaces for comment markers, and CODE for all the rest.
CODE = "\0"
STRINGS = r"""b?r(?P<hashes>#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^'\\])'"""
SLASHES = re.compile(rf"(?P<comment>//[^\n]*|/\*.*?\*/)|{STRINGS}", re.DOTALL)
HASHES = re.compile(r"(?P<comment>(?:^|(?<=\s))#(?!!)[^\n]*)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_]\w*")
CODE_SPAN = re.compile(r"(`+)[^`].*?\1", re.DOTALL)
ESCAPE = re.compile(r"\\(?:\n|.)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def slashes(text):
    return keep(text, [match.span() for match in SLASHES.finditer(text) if match["comment"]], "/*!")


def hashes(text):
    return keep(text, [match.span() for match in HASHES.finditer(text)], "#")


def python(text):
    spans = []
    before = tokenize.NEWLINE
    for token, start, end in tokens(text):
        is_docstring = token.type == tokenize.STRING and before in {tokenize.NEWLINE, tokenize.INDENT}
        if token.type == tokenize.COMMENT or is_docstring:
            spans.append((start, end))
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            before = token.type
    return keep(text, spans, "#\"")


def tokens(text):
    """The tokens of Python, each with its start and end in the text."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        yield token, starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]


def markdown(text):
    return keep(FENCE.sub(blank, text), [(0, len(text))], "")


def keep(text, spans, markers):
    prose = ["\n" if letter == "\n" else " " if letter == " " else CODE for letter in text]
    for start, end in spans:
        part = CODE_SPAN.sub(blank, text[start:end])
        prose[start:end] = [" " if letter in markers else letter for letter in part]
    return "".join(prose)


def spaces(match):
    return re.sub(r"[^\n]", " ", match[0])


def blank(match):
    return re.sub(r"[^\n]", CODE, match[0])


main()
