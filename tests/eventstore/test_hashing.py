from __future__ import annotations

import unicodedata
from typing import Any

import pytest
import rfc8785
from hypothesis import given, strategies

from eventstore.errors import PayloadError
from eventstore.hashing import MAX_INTEGER, canonical

text = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00")
).map(lambda raw: unicodedata.normalize("NFC", raw))
keys = strategies.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
values = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-MAX_INTEGER, MAX_INTEGER)
    | text,
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_is_byte_identical_to_rfc_8785_within_the_profile(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"rate": 1.5}, "$.rate", "float is not storable; use a string"),
        ({"n": 2**53}, "$.n", "integers stay under 2^53; use a string"),
        ({"n": -(2**53)}, "$.n", "integers stay under 2^53; use a string"),
        ({"Name": 1}, "$", "key 'Name' is not [a-z][a-z0-9_]*"),
        ({"näme": 1}, "$", "key 'näme' is not [a-z][a-z0-9_]*"),
        ({"a": ["b\x00"]}, "$.a[0]", "NUL characters cannot be stored"),
        ({"a": "ü\x00"}, "$.a", "NUL characters cannot be stored"),
        ({"a": "\ud800"}, "$.a", "lone surrogates cannot be stored"),
        ({"a": "e\u0301"}, "$.a", "text is not in Unicode normal form C"),
        ({"a": b"x"}, "$.a", "bytes is not storable; use a string"),
    ],
)
def test_refuses_what_readers_disagree_on_and_names_the_place(
    value: Any, path: str, reason: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        canonical(value)
    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_refuses_nesting_deeper_than_sixteen() -> None:
    value: Any = "bottom"
    for _ in range(16):
        value = [value]
    assert canonical(value) == b"[" * 16 + b'"bottom"' + b"]" * 16
    with pytest.raises(PayloadError, match="nested deeper than 16"):
        canonical([value])
