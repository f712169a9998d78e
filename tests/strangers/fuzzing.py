"""What Schemathesis is told about Annals, beside its OpenAPI schema.

Loaded by Schemathesis (``SCHEMATHESIS_HOOKS``), not by pytest.
"""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

import schemathesis
from hypothesis import strategies as st

# The only cursor that can be known beforehand: the beginning.
schemathesis.openapi.format("cursor", st.just(""))
# Domains that lead nowhere (RFC 6761) are refused.
NOWHERE = (".test", ".local", ".localhost", ".onion", ".example", ".arpa")
schemathesis.openapi.format(
    "email", st.emails().filter(lambda each: not each.lower().endswith(NOWHERE))
)

LONGEST_QUERY = 3_500  # bytes; the server refuses a line of more than 4,094
NOW = "2026"
# Each is sound alone, and a 400 together: a schema cannot say so.
NOT_TOGETHER = ({"at", "as_of"}, {"before", "after"}, {"before", "wait"})
NEEDED_BY = {"wait": "after", "ordering": "q"}


def known(text: str) -> str:
    return "".join("x" if _is_unknown(each) else each for each in text)


def _is_unknown(character: str) -> bool:
    category = unicodedata.category(character)
    if character > "\uffff":
        return category in ("Cn", "Co", "Cf")
    is_named = "\ufdd0" <= character <= "\ufdef" or character >= "\ufffe"
    return category == "Cn" and not is_named


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:  # noqa: ARG001
    """Ask for positions and versions that exist."""
    if query and "after" in query:
        query["after"] = 0
    if query and "min_version" in query:
        query["min_version"] = 1
    return query


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:  # noqa: ARG001
    """Send no character that is refused and that no pattern can name: too many."""
    if not isinstance(body, dict):
        return body
    return {
        name: known(value) if isinstance(value, str) else value
        for name, value in body.items()
    }


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:  # noqa: ARG001
    """Leave out what is refused for reasons that a schema cannot tell."""
    query, headers = case.query or {}, case.headers or {}
    body = case.body if isinstance(case.body, dict) else {}
    is_future = any(str(query.get(name, "")) > NOW for name in ("at", "as_of"))
    # The coverage phase holds "0" for a match of any pattern with quotes in it.
    is_tag = headers.get("If-Match") != "0"
    names_two = "If-Match" in headers and "expected_version" in body
    return (
        is_tag
        and not names_two
        and not is_future
        and len(quote(str(query), errors="replace")) < LONGEST_QUERY
        and not any(both <= set(query) for both in NOT_TOGETHER)
        and all(NEEDED_BY.get(name, name) in query for name in query)
    )
