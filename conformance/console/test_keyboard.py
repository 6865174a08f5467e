"""The life of a key with the keyboard alone: sign-in, creation, scheduled deletion and its cancellation, sign-out."""

from keyboard import DOWN, ENTER, SPACE, Keyboard


def test_a_key_is_created_and_kept_without_a_mouse(browser):
    keyboard = Keyboard(browser)
    sign_in(keyboard)
    key_id = create_a_key(keyboard)

    keyboard.follow("Schedule the deletion")
    keyboard.to("Waiting period in days (7 to 366)")
    keyboard.type("7")
    keyboard.to(f"Type it again to confirm: {key_id}")
    keyboard.type(key_id)
    keyboard.push("Schedule the deletion")
    assert browser.path == f"/console/keys/{key_id}", browser.main
    assert "deletion" in browser.fact("State").lower()
    keyboard.follow("Cancel the deletion")
    keyboard.push("Cancel the deletion", ENTER)
    assert browser.fact("State") == "Enabled"

    keyboard.push("Sign out")
    assert not browser.is_signed_in
    assert keyboard.stops > 50


def sign_in(keyboard):
    """Signs in as root. The first stop of a page is the link that skips its header."""
    browser = keyboard.browser
    browser.open()
    keyboard.to("Skip to the content")
    keyboard.driver.press(ENTER)
    assert keyboard.driver.execute("return document.activeElement.id") == "content"
    keyboard.to("User name")
    keyboard.to("Access key id")
    keyboard.type(browser.server.access_key_id)
    keyboard.to("Access key secret")
    keyboard.type(browser.server.access_key_secret)
    keyboard.push("Sign in by access key", ENTER)
    assert browser.is_signed_in


def create_a_key(keyboard):
    """Creates a key with values other than the defaults of the form. Returns its id."""
    browser = keyboard.browser
    keyboard.follow("Keys")
    keyboard.to("Skip to the content")
    keyboard.driver.press(ENTER)
    open_the_filters(keyboard)
    browser.open("/console/keys")
    keyboard.follow("Create a key")
    keyboard.to("Type")
    keyboard.driver.press(DOWN)
    keyboard.to("Usage")
    keyboard.back_to("Type")
    assert browser.field("Type").value == "Aliyun_SM4"
    keyboard.to("Description")
    keyboard.type("without a mouse")
    keyboard.to("Rotate automatically")
    keyboard.driver.press(SPACE)
    keyboard.to("Time between rotations, 7d to 730d")
    keyboard.type("30d")
    keyboard.push("Create a key", ENTER)
    assert not browser.problem, browser.problem
    assert browser.fact("Description") == "without a mouse"
    return browser.heading


def open_the_filters(keyboard):
    """Opens the filters of the list of keys."""
    keyboard.to("Create a key")
    keyboard.to("Filters")
    keyboard.driver.press(SPACE)
    keyboard.to("State")
    keyboard.to("Search")
