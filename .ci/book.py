#!/usr/bin/env python3
"""Follows every link of the book that mdBook has built: the file is there, and so is the place in it. Names what is broken.

    .ci/book.py DIRECTORY
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids = set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")}
        self.links |= {attributes.get("href"), attributes.get("src")} - {None}


def main(directory):
    pages = {path.resolve(): Page(path) for path in directory.rglob("*.html")}
    if len(pages) < 10:
        sys.exit(f"{directory} has {len(pages)} pages")
    broken = [(path, link) for path, page in sorted(pages.items()) for link in sorted(page.links) if is_broken(path, link, pages)]
    for path, link in broken:
        print(f"{path.relative_to(directory.resolve())}: {link} leads nowhere")
    sys.exit(bool(broken))


def is_broken(path, link, pages):
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return False
    target = (path.parent / unquote(address.path)).resolve() if address.path else path
    if target not in pages or not address.fragment:
        return not target.exists()
    page = pages[target]
    if is_redirect(page):
        (link,) = page.links
        page = pages[target.parent / link]
    return unquote(address.fragment) not in page.ids


def is_redirect(page):
    """Whether the page leads to another one by a script, which takes the place along."""
    return page.ids <= {None}


main(Path(sys.argv[1]))
