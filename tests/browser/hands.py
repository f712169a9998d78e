"""How somebody works a page: with the mouse, or with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

MOST_TABS = 200
IS_FOCUSED = "element => element === document.activeElement"
# On a page that was just opened, one skips what is the same on every page.
IS_SKIPPED_TO = """element => document.activeElement === document.body
    && document.getElementById('content-start').contains(element)"""
OUTLINE = """element => {
    const style = getComputedStyle(element);
    return style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth);
}"""


class Hand:
    """Points and clicks.

    Attributes:
        actions: What was pressed and written so far; what is asked is one.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, target: Locator) -> None:
        """Do what *target* does."""
        self.actions += 1
        target.click()

    def ask(self, target: Locator, text: str) -> None:
        """Put *text* into a field, and press Enter."""
        self.write(target, text)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str, keys: str = "") -> None:
        """Put *text* into a field.

        Args:
            target: The field.
            text: Its value afterwards.
            keys: What to type for that, where it is not the value.
        """
        del keys
        self.actions += 1
        target.fill(text)


class Keyboard(Hand):
    """Goes from one place to the next, and sees where it is."""

    def press(self, target: Locator) -> None:
        """Go there, then Enter."""
        self.actions += 1
        self._reach(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str, keys: str = "") -> None:
        """Go there, and type over what is there."""
        self.actions += 1
        self._reach(target)
        if not keys:
            self.page.keyboard.press("Control+A")
        self.page.keyboard.type(keys or text)
        assert target.input_value() == text

    def _reach(self, target: Locator) -> None:
        target.wait_for()
        if target.evaluate(IS_SKIPPED_TO):
            self.page.keyboard.press("Tab")
            self.page.keyboard.press("Enter")
        for _tab in range(MOST_TABS):
            if target.evaluate(IS_FOCUSED):
                assert target.evaluate(OUTLINE) >= 2, f"{target} shows no focus"
                return
            self.page.keyboard.press("Tab")
        message = f"no Tab leads to {target}"
        raise AssertionError(message)
