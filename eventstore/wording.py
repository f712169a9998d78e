"""Sentences that a page can translate and everything else hears in English.

What refuses something knows nothing of languages.  So its message is plain text that
remembers of what it was made; only who shows it to staff looks that up.
"""

from __future__ import annotations

from typing import Any


class Said(str):
    """An English sentence, and what it was made of.

    Attributes:
        template: The sentence with names in braces, as the catalogues know it.
        facts: What stands for the names.
    """

    __slots__ = ("facts", "template")

    template: str
    facts: dict[str, Any]


def worded(template: str, **facts: Any) -> Said:
    """Return *template* with *facts* in it; marks it for translation."""
    text = Said(template.format(**facts))
    text.template = template
    text.facts = facts
    return text
