"""Runs axe-core in a page, to find violations of WCAG 2.2, levels A and AA."""

from functools import cached_property
from pathlib import Path

RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    # Only the colours differ.
    "dark": ["color-contrast", "link-in-text-block"],
}
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: arguments[0], resultTypes: ["violations"] }).then(
  found => done(found.violations.map(rule => [rule.id, rule.help, rule.nodes.map(node => node.html)])));
"""


class Axe:
    """The script of axe-core."""

    def __init__(self, built):
        self._file = Path(built) / "node/node_modules/axe-core/axe.min.js"

    @cached_property
    def _script(self):
        return self._file.read_text()

    def violations(self, browser, theme):
        """Returns the violations of a page, one a line. The dark theme is checked after the light one, and only for colours."""
        if not browser.driver.execute("return typeof axe === 'object'"):
            browser.driver.execute(self._script)
        found = browser.driver.ask("POST", "/execute/async", script=RUN, args=[RULES[theme]])
        return [f"{rule} ({help}): {'; '.join(nodes)}" for rule, help, nodes in found]
