"""What axe finds wrong with a page, in one line a rule and place."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

AXE = AXE_FILE_PATH.read_text(encoding="utf-8")
# Rules whose answer hangs on colours or on the width.
LOOKS = ("color-contrast", "link-in-text-block", "target-size")
# The same around every page.
FRAME = [["#header"], ["#nav-sidebar"]]
# Of text above a gradient axe says nothing: the hint that a table scrolls is one.
RUN = """async ([frame, options]) => {
    const flat = new CSSStyleSheet();
    flat.replaceSync('.scroll, .results { background-image: none !important; }');
    document.adoptedStyleSheets.push(flat);
    return (await axe.run({include: [['html']], exclude: frame}, options)).violations;
}"""


def violations(page: Page, *, looks: bool, frame: bool) -> list[str]:
    """Return what axe finds on *page*.

    Args:
        page: Stays as it is, but for the shadows of tables.
        looks: Ask only what hangs on colours and on the width.
        frame: Whether to look at what is around every page, too.
    """
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    # WCAG 2.2 asks for targets of 24 px; axe has that rule switched off by itself.
    options["rules"] = {"target-size": {"enabled": True}}
    if looks:
        options = {**options, "runOnly": {"type": "rule", "values": LOOKS}}
    return [
        f"{page.url} {each['id']}: {node['target']} {_why(node)}"
        for each in page.evaluate(RUN, [[] if frame else FRAME, options])
        for node in each["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)[:200]
