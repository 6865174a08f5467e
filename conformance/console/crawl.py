"""Every page of the console, found by following links from the first one: one address for each kind of page."""

import re
from urllib.parse import urlsplit

from browser import PREFIX

# Links that lead to no page of their own.
ELSEWHERE = ("/console/language", "/console/assets/")
# A segment that is a word of the console; names that the tests make have a capital or a digit.
WORD = re.compile(r"[a-z-]+")


def pages(browser, first=(), look=lambda name, address: None):
    """Kinds of pages with an address for each, and the addresses of links that lead nowhere.

    The window has signed in. The links of all pages in `first` are followed, and the first of them is shown of its kind.
    `look` is called while the window shows the page.
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
    """What a page is called, whatever thing it shows: keys, keys-one, do-kms-CreateKey."""
    segments = urlsplit(address).path.removeprefix(PREFIX).split("/")
    if segments[0] != "do":
        segments = [segment if WORD.fullmatch(segment) else "one" for segment in segments if segment]
    return "-".join(segments) or "overview"
