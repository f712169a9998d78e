"""JSON of strangers: what readers would disagree on is refused."""

from __future__ import annotations

import json
from typing import Any

from eventstore.intake.errors import MapperError

MAX_DEPTH = 100  # arrays and objects inside each other
MAX_DIGITS = 400  # of one number


def parsed(body: bytes) -> Any:
    """Return the value of *body*, which is JSON in UTF-8.

    Raises:
        MapperError: It is not, a key comes twice, it is nested more than 100 deep, or
            holds ``NaN`` or a number of more than 400 digits.
    """
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_bounded,
        )
    except UnicodeDecodeError:
        code = "not_utf8"
    except RecursionError:
        code = "too_deep"
    except json.JSONDecodeError:
        code = "not_json"
    else:
        if not _is_deeper(value):
            return value
        code = "too_deep"
    raise MapperError(code) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        code = "duplicate_key"
        raise MapperError(code)
    return value


def _refuse_constant(_name: str) -> Any:
    code = "not_json"
    raise MapperError(code)


def _bounded(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        code = "number_too_long"
        raise MapperError(code)
    return int(digits)


def _is_deeper(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
