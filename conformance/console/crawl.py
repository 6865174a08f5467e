"""Finds every kind of page of the console by following links from the first page, with one address for each kind."""

import re
from urllib.parse import urlsplit

from browser import PREFIX

# Links to addresses that are not pages.
ELSEWHERE = ("/console/language", "/console/assets/")
# A segment that is a word of the console. Names of resources in the tests have a capital letter or a digit.
WORD = re.compile(r"[a-z-]+")


def pages(browser, first=(), look=lambda name, address: None):
    """Returns the kinds of pages with an address for each, and the addresses of broken links.

    The window must have a session. Visits all pages in `first`, even if several are of the same kind. Calls `look` while the
    window shows a page.
    """
    found, nowhere, waiting = {}, {}, [*first, PREFIX]
    in_any_case = set(first)
    while waiting:
        address = waiting.pop(0)
        is_known = kind(address) in found or kind(address) in nowhere
        if is_known and address not in in_any_case:
            continue
        in_any_case.discard(address)
        browser.open(address)
        if browser.status != 200:
            nowhere[kind(address)] = address
            continue
        links = list(filter(None, browser.links()))
        if not is_known:
            found[kind(address)] = address
            look(kind(address), address)
        waiting += [link for link in links if link.startswith(PREFIX) and not link.startswith(ELSEWHERE)]
    return found, list(nowhere.values())


def kind(address):
    """Returns the kind of a page, regardless of its resource: keys, keys-one, do-kms-CreateKey."""
    segments = urlsplit(address).path.removeprefix(PREFIX).split("/")
    if segments[0] != "do":
        segments = [segment if WORD.fullmatch(segment) else "one" for segment in segments if segment]
    return "-".join(segments) or "overview"
