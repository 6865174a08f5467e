"""The search of the book, in both languages. The book is built before these tests; without it they are skipped."""

import os
import time
from pathlib import Path
from urllib.parse import quote

import pytest

BOOK = Path(os.environ.get("BULLA_BOOK", "target/book")).absolute()

pytestmark = pytest.mark.skipif(not (BOOK / "index.html").is_file(), reason="the book is not built")


def search(driver, text):
    """Returns the titles and excerpts of the results of a search, as the reader of a page sees them."""
    driver.cdp("Emulation.setScriptExecutionDisabled", value=False)  # a test before may have disabled it
    driver.ask("POST", "/url", url=f"{BOOK.as_uri()}/index.html?search={quote(text)}")
    deadline = time.monotonic() + 20
    while not (header := driver.execute("return document.getElementById('mdbook-searchresults-header').innerText")):
        assert time.monotonic() < deadline, "no results"
        time.sleep(0.05)
    results = driver.execute("return Array.from(document.querySelectorAll('#mdbook-searchresults li'), li => li.innerText)")
    return header, results


def test_a_search_for_english_words_finds_english_pages(driver):
    _, results = search(driver, "rotated keys")
    assert any("Whole disks" in result for result in results), results


def test_a_search_for_chinese_characters_finds_chinese_pages(driver):
    _, results = search(driver, "整盘加密")
    assert results and "整盘加密" in results[0], results
    _, results = search(driver, "根密钥 备份")
    assert results and all("根密钥" in result for result in results), results


def test_a_search_without_a_match_has_a_message(driver):
    header, results = search(driver, "没有这样的词")
    assert not results and "No search results" in header
