"""A language that nobody speaks: every marked string, in letters that no code holds.

Text of ours that a page shows in plain letters was not marked for translation.  What
others wrote is no text of ours: names of machines stand in elements that are not to be
translated, and the tests give people names in another alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import django
import django_celery_beat
import django_filters
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from eventstore import labels, subscriptions
from tests import messages

LANGUAGE = "en-xa"
LOCALE = "en_XA"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRANGE = "ȧƀƈḓḗƒɠħīĵķŀḿƞǿƥɋřşŧŭṽẇẋẏẑȦƁƇḒḖƑƓĦĪĴĶĿḾȠǾƤɊŘŞŦŬṼẆẊẎẐ"
LETTERS = str.maketrans(PLAIN, STRANGE)
# Placeholders, markup and entities stay.
KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{[^}]*\}|</?strong>|&\w+;)")
# The same in every language: names, units, formats and zones.
NAMES = frozenset(
    ["Annals", "UTC", "CSV", "JSON", "NDJSON", "SHA", "ms", "min", "English", "Deutsch"]
)
# Elements whose text is a machine's or somebody's, and those without text to read.
SILENT = frozenset(["code", "pre", "bdi", "kbd", "script", "style", "svg", "time"])
SILENT_CLASSES = frozenset(["mono", "environment", "whoami"])
VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"]
)
READ_ALOUD = ("title", "aria-label", "placeholder", "alt", "data-done", "data-words")
# Ids, positions, streams, addresses and examples of what can be typed.
MACHINES = re.compile(
    r"[a-z_]+-[0-9a-f]{8}-\S*|[0-9a-f]{8}-[0-9a-f-]{27}|v\d+"
    r"|(staff|client|token|user)[-:]\S+|https?://\S+|[A-Z][a-z]+/[A-Z]\w+"
    r"|\b[a-z]+_[a-z_]+\b|\b[A-Z][a-z]+([A-Z][a-z]+)+\b"
    r"|\d{4}-\d\d-\d\dT[\d:.Z+]+"
)


def write(folder: Path) -> None:
    """Write the language down in *folder*, for ``LOCALE_PATHS``."""
    found = Catalog(locale="en")
    for catalog in (*_borrowed(), messages.marked()):
        for each in catalog:
            if each.id and each.context != "format":
                ids = (each.id,) if isinstance(each.id, str) else each.id
                strange = tuple(map(_strange, ids))
                found.add(
                    each.id,
                    strange if len(strange) > 1 else strange[0],
                    context=each.context,
                )
    place = folder / LOCALE / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "django.mo").write_bytes(messages.compiled(found))


def plain(page: str, *, known: frozenset[str] = frozenset()) -> list[str]:
    """Return the texts of *page* in plain letters, but for machines' and *known*."""
    reader = _Reader()
    reader.feed(page)
    names = {each.name for each in subscriptions.all_subscriptions()}
    return [
        *(each for each in reader.texts if _words(each) - known),
        *(
            each
            for each in reader.spoken
            if _words(each) - names - known - labels.FIELDS.keys()
        ),
    ]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]{2,}", MACHINES.sub(" ", text))) - NAMES


class _Reader(HTMLParser):
    """Collects what somebody reads, or hears, on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.spoken: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        is_marked = told.get("translate") == "no" or self._is_silent()
        is_silent = (
            is_marked
            or tag in SILENT
            or bool(SILENT_CLASSES & set(told.get("class", "").split()))
        )
        if tag not in VOID:
            self.open.append((tag, is_silent))
        if is_marked:
            return
        self.spoken += [told[name] for name in READ_ALOUD if told.get(name)]
        is_button = tag == "input" and told.get("type") in {"submit", "button"}
        if is_button and told.get("value"):
            self.texts.append(told["value"])

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            name, _is_silent = self.open.pop()
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._is_silent():
            self.texts.append(data.strip())

    def _is_silent(self) -> bool:
        return bool(self.open) and self.open[-1][1]


def _strange(text: str) -> str:
    parts = KEPT.split(text)
    return "".join(
        part if at % 2 else part.translate(LETTERS) for at, part in enumerate(parts)
    )


def _borrowed() -> Iterator[Catalog]:
    """Yield what the packages whose pages and forms we show have in German."""
    for package in (django, django_celery_beat, django_filters):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("locale/de/LC_MESSAGES/django.mo")):
            with path.open("rb") as file:
                yield read_mo(file)
