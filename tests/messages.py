"""The catalogues of the languages that staff may read: found, merged, compiled.

``python -m tests.messages`` (or ``make messages``) finds every string that the code
marks, brings each ``locale/*/LC_MESSAGES/django.po`` up to it, and compiles it.  What
is new is empty there, what nobody says any more is dropped.  Needs no GNU gettext.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
PACKAGES = ("config", "eventstore", "projections", "users")
# Two people who change strings would get in each other's way.
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "worded": None,
}
Message = str | tuple[str, ...]


def marked() -> Catalog:
    """Return every string that the code or a template marks, without translations."""
    found = Catalog(project="Annals", fuzzy=False)
    for path in _sources():
        for message, context in _messages(path):
            found.add(message, context=context)
    return found


def catalogue(language: str, folder: Path = LOCALE) -> Catalog:
    """Return what is kept for *language*."""
    with _po(language, folder).open("rb") as file:
        return read_po(file, locale=language)


def compiled(found: Catalog) -> bytes:
    """Return *found* as Django reads it."""
    file = io.BytesIO()
    found.creation_date = found.revision_date = NO_DATE
    write_mo(file, found)
    return file.getvalue()


def keep(language: str, found: Catalog, folder: Path = LOCALE) -> None:
    """Write *found* down, for people and for Django."""
    po = _po(language, folder)
    po.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    write_po(
        file, found, width=88, no_location=True, sort_output=True, omit_header=True
    )
    head = f"# Annals in {found.locale}: docs/how-to/add-a-language.md\n".encode()
    po.write_bytes(head + _header(found) + file.getvalue())
    po.with_suffix(".mo").write_bytes(compiled(catalogue(language, folder)))


def languages() -> list[str]:
    """Return the languages there are catalogues for."""
    return sorted(path.parent.parent.name for path in LOCALE.glob("*/*/django.po"))


def main() -> None:
    """Bring every catalogue up to the code, and say what it lacks."""
    template = marked()
    for language in languages():
        found = catalogue(language)
        found.update(template, no_fuzzy_matching=True)
        found.obsolete.clear()
        keep(language, found)
        found = catalogue(language)
        empty = [each.id for each in found if each.id and not any(strings(each.string))]
        told = [f"{language}: {len(empty)} of {len(found)} without a translation"]
        sys.stdout.write("\n  ".join([*told, *map(repr, empty)]) + "\n")


def _po(language: str, folder: Path) -> Path:
    return folder / language / "LC_MESSAGES" / "django.po"


def _header(found: Catalog) -> bytes:
    lines = [
        f"Language: {found.locale}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {found.plural_forms}",
    ]
    told = "".join(f'"{line}\\n"\n' for line in lines)
    return f'msgid ""\nmsgstr ""\n{told}\n'.encode()


def strings(words: Any) -> tuple[str, ...]:
    """Return the text, or the singular and the plural."""
    return (words,) if isinstance(words, str) else tuple(words)


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))
    yield from sorted((ROOT / "templates").rglob("*.html"))


def _messages(path: Path) -> Iterator[tuple[Message, str | None]]:
    source = path.read_text()
    if path.suffix == ".html":
        # What Django makes of a template is Python but for its indentation.
        lines = templatize(source, origin=str(path)).splitlines()
        source = "\n".join(line.strip() for line in lines)
    file = io.BytesIO(source.encode())
    for _line, message, _comments, context in extract("python", file, KEYWORDS):
        yield message, context


if __name__ == "__main__":
    main()
