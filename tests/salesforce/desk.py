"""A page on which a person changes the records of the org, as in Salesforce itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import parse_qsl

from tests.salesforce.answers import Reply
from tests.salesforce.org import Org, Record

STATUSES = ("Active", "On hold", "Gone")
SHOWN = 200
HTML = {"Content-Type": "text/html; charset=utf-8"}
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A Salesforce of our own</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem;
  padding: 0 1rem; color: #1b2733; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .4rem; border-bottom: 1px solid #d8dde3 }
input { width: 100%; box-sizing: border-box } .gone { opacity: .5 }
code { font-size: 12px }
@media (prefers-color-scheme: dark) {
  body { background: #11181f; color: #dce4ec } th, td { border-color: #33404c } }
</style>
<h1>A Salesforce of our own</h1>
<p>Contacts of Coral Cloud Resorts. What you change here arrives in Annals within
seconds; what you change there stays there.</p>
"""


def page(org: Org) -> Reply:
    """Return every Contact, each in a form of its own."""
    contacts = org.snapshot("Contact")[:SHOWN]
    rows = "".join(map(_row, contacts))
    new = (
        '<form method="post" action="/desk"><button name="do" value="new">'
        "Add a Contact</button></form>"
    )
    table = (
        f"{new}<table><thead><tr><th>Id<th>First name<th>Last name<th>E-mail<th>Status"
        f"<th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return Reply(body=(HEAD + table).encode(), headers=HTML)


def change(org: Org, body: bytes) -> Reply:
    """Carry out what a form asks for, and show the page again; say what it cannot."""
    form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    identity, do = form.get("id", ""), form.get("do", SAVE)
    if do not in (NEW, *CHANGES):
        return _refusal(400, f"This page does not know how to “{do}”.")
    if do == NEW:
        number = len(org.tables["Contact"]) + 1
        org.create(LastName=f"New {number}", Email=f"new.{number}@example.com")
    elif identity not in org.tables["Contact"]:
        return _refusal(404, f"There is no Contact with the id “{identity}”.")
    else:
        CHANGES[do](org, identity, form)
    return Reply(status=303, headers={"Location": f"/#{identity}"})


def _save(org: Org, identity: str, form: Mapping[str, str]) -> None:
    names = ("FirstName", "LastName", "Email", "Status__c")
    org.update(identity, **{name: form.get(name) or None for name in names})


SAVE, NEW = "save", "new"
CHANGES: dict[str, Callable[[Org, str, Mapping[str, str]], None]] = {
    SAVE: _save,
    "delete": lambda org, identity, _form: org.delete(identity),
    "undelete": lambda org, identity, _form: org.undelete(identity),
}


def _refusal(status: int, text: str) -> Reply:
    told = f'<p><strong>{escape(text)}</strong> <a href="/">All Contacts</a></p>'
    return Reply(status=status, body=(HEAD + told).encode(), headers=HTML)


def _row(record: Record) -> str:
    identity = record["Id"]
    cells = "".join(
        f'<td><input form="f{identity}" name="{name}" aria-label="{name}"'
        f' value="{escape(record[name] or "")}">'
        for name in ("FirstName", "LastName", "Email")
    )
    options = "".join(
        f"<option{' selected' if each == record['Status__c'] else ''}>{each}"
        for each in ("", *STATUSES)
    )
    do = "undelete" if record["IsDeleted"] else "delete"
    return (
        f'<tr id="{identity}" class="{"gone" if record["IsDeleted"] else ""}">'
        f"<td><code>{identity}</code>{cells}"
        f'<td><select form="f{identity}" name="Status__c" aria-label="Status">{options}'
        f'</select><td><form id="f{identity}" method="post" action="/desk">'
        f'<input type="hidden" name="id" value="{identity}"><button>Save</button> '
        f'<button name="do" value="{do}">{do.capitalize()}</button></form>'
    )
