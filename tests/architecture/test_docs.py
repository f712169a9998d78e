"""The documents know all that the code has: no list of it is written down here."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command, get_commands

from eventstore import codec

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
REFERENCE = DOCS / "reference"
PACKAGES = sorted(
    Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == PROJECT
)
SETTINGS_FILES = (
    "settings.py",
    "outgoing.py",
    "incoming.py",
    "salesforce.py",
    "staff.py",
    "watching.py",
)
SETTINGS = [PROJECT / "config" / name for name in SETTINGS_FILES]
DOCUMENTS = sorted([*DOCS.rglob("*.md"), *PROJECT.glob("*.md")])


def found(pattern: str, *files: Path) -> set[str]:
    return {
        name
        for file in files
        for name in re.findall(pattern, file.read_text("utf-8"), re.MULTILINE)
    }


def section_of(event_type: str) -> str:
    page = (REFERENCE / "events.md").read_text("utf-8")
    return page.partition(f"### `{event_type}`\n")[2].partition("\n##")[0]


def test_every_environment_variable_is_described_and_no_other() -> None:
    embedded = sorted((PROJECT / "config" / "embedded").glob("*.py"))
    read = found(r'\benv\.\w+\(\s*"(\w+)"', *SETTINGS)
    read |= found(r'os\.environ(?:\[|\.\w+\()"(\w+)"', *embedded)
    read |= found(r'"(\w+)" (?:not )?in os\.environ', *embedded)
    assert found(r"^\| `(\w+)` \|", REFERENCE / "settings.md") == read


def test_every_plain_default_is_the_one_described() -> None:
    settings = "".join(file.read_text("utf-8") for file in SETTINGS)
    page = (REFERENCE / "settings.md").read_text("utf-8")
    written = re.findall(r'\benv\.\w+\("(\w+)", default="?([\w:/@]+)"?\)', settings)
    spelled = {"False": "false", "True": "true"}
    defaults = {name: spelled.get(default, default) for name, default in written}
    row = r"^\| `(\w+)` \| .+ \| `([^`]+)` \| .+ \|$"
    described = dict(re.findall(row, page, re.MULTILINE))
    assert {name: described.get(name) for name in defaults} == defaults


def test_every_event_type_is_described_and_no_other() -> None:
    described = found(r"^### `(\w+)`$", REFERENCE / "events.md")
    assert described == set(codec.type_names())


@pytest.mark.parametrize("name", codec.type_names())
def test_an_event_is_described_with_its_fields_and_its_sentence(name: str) -> None:
    known = codec.type_named(name)
    assert known
    section = section_of(name)
    fields = [field.name for field in dataclasses.fields(known.cls)]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == fields
    assert f"Schema version {known.schema_version}." in section
    assert f"\n> {known.sentence}\n" in f"{section}\n"


def test_the_event_catalogue_is_what_the_classes_say() -> None:
    made = io.StringIO()
    call_command("event_catalogue", stdout=made)
    page = (REFERENCE / "events.md").read_text("utf-8")
    assert made.getvalue() == page, "make catalogue"


def test_every_command_of_ours_is_described_and_no_other() -> None:
    ours = {
        name
        for name, app in get_commands().items()
        if app in {package.name for package in PACKAGES}
    }
    described = found(r"^### `manage\.py (\w+)", REFERENCE / "commands.md")
    assert described == ours


def test_every_make_target_is_described_and_no_other() -> None:
    described = found(r"^\| `make ([\w-]+)` \|", REFERENCE / "commands.md")
    assert described == found(r"^([\w-]+):.*## ", PROJECT / "Makefile")


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    titles = {
        f"[{file.name[:4]}]({file.name}) | {title}"
        for file in (DOCS / "adr").glob("[0-9]*.md")
        for title in found(rf"\A# {file.name[:4]} — (.+)$", file)
    }
    assert len(titles) == len(list((DOCS / "adr").glob("[0-9]*.md")))
    assert found(r"^\| (\[.+) \|$", DOCS / "adr" / "README.md") == titles


def test_every_decision_that_the_code_cites_is_written() -> None:
    code = [
        file
        for package in PACKAGES
        for suffix in ("*.py", "*.sql")
        for file in package.rglob(suffix)
    ]
    written = {file.name[:4] for file in (DOCS / "adr").glob("[0-9]*.md")}
    assert found(r"ADR-(\d{4})", *code) - written == set()


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda file: str(file.relative_to(PROJECT))
)
def test_no_link_leads_nowhere(document: Path) -> None:
    links = found(r"\]\((?!\w+:)([^)#\s]+)", document)
    assert [link for link in links if not (document.parent / link).exists()] == []
