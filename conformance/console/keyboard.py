"""A user with a keyboard and no mouse. At each stop the focus must be visible, and after the previous one in the page."""

from browser import Browser

TAB, SHIFT, ENTER, SPACE, DOWN = "\ue004", "\ue008", "\ue007", " ", "\ue015"
# The page itself stores the previous stop, so that another page has none.
STOP = """
const now = document.activeElement, before = window.stop_before, box = now.getBoundingClientRect();
window.stop_before = now;
const style = getComputedStyle(now);
return {
  tag: now.tagName,
  outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  order: before && before !== now ? (before.compareDocumentPosition(now) & 4 ? "later" : "earlier") : "first",
};
"""


class Keyboard:
    """The keyboard of one window."""

    def __init__(self, browser: Browser):
        self.browser = browser
        self.driver = browser.driver
        self.stops = 0

    def to(self, label):
        """Moves the focus with the tab key to the element with this label."""
        for _ in range(60):
            name = self._step("later", TAB)
            if name == label or name.startswith(f"{label} ("):
                return
        raise AssertionError(f"the tab key does not lead to {label} on {self.browser.url}")

    def back_to(self, label):
        """Moves the focus back by one stop, to the element with this label."""
        name = self._step("earlier", SHIFT, TAB)
        assert name == label, f"{name} is before, not {label}"

    def leave(self, key):
        """Presses a key that leads to another page."""
        self.browser.leave(lambda: self.driver.press(key))

    def type(self, text):
        """Types into the focused element."""
        for letter in text:
            self.driver.press(letter)

    def follow(self, label):
        """Moves the focus to a link, and follows it."""
        self.to(label)
        self.leave(ENTER)

    def push(self, label, key=SPACE):
        """Moves the focus to a button, and presses it."""
        self.to(label)
        self.leave(key)

    def _step(self, order, *keys):
        self.driver.press(*keys)
        stop = self.driver.execute(STOP)
        name = self.driver.focused.label
        where = f"{stop['tag']} {name!r} on {self.browser.url}"
        assert stop["tag"] != "BODY", f"the focus has left the page: {where}"
        assert stop["order"] in (order, "first"), f"{stop['order']} in the page: {where}"
        assert stop["outlined"], f"the focus is not seen: {where}"
        assert stop["shown"], f"the focus is out of sight: {where}"
        assert name, f"has no name: {where}"
        self.stops += 1
        return name
