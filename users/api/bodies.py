"""JSON in and out: strict about what it reads, quick about what it writes."""

from __future__ import annotations

import json
from typing import IO, Any

import orjson
from django.conf import settings
from django.http.request import HttpHeaders
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MAX_DIGITS = 20  # a 64-bit integer with its sign
MAX_DEPTH = 16  # arrays and objects inside each other
TOO_DEEP = f"The body is nested too deeply. Use at most {MAX_DEPTH} levels."
PLAIN = ("", "identity")
UTF_8 = ("utf-8", "utf8", "us-ascii")  # the last is a part of it
MAX_BULK_BYTES = 2_097_152  # a thousand commands as long as they may be


class BodyTooLargeError(APIException):
    """The body is longer than this installation reads."""

    status_code = 413
    default_code = "body_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(f"Send a body of at most {most:,} bytes.")


class StrictJSONParser(BaseParser):
    """Refuses what readers disagree on: duplicate keys, NaN, bottomless nesting."""

    media_type = "application/json"

    @property
    def most_bytes(self) -> int:
        """The longest body that is read."""
        most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return most

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Any = None,
    ) -> Any:
        """Return the body's value; ``request.raw`` is the body as it came.

        Raises:
            BodyTooLargeError: The body is longer than :attr:`most_bytes`.
            ParseError: The body is not JSON; says where.
            UnsupportedMediaType: It is compressed, or says it is not UTF-8.
        """
        _refuse_other_codings(parser_context["request"].headers)
        raw = stream.read(self.most_bytes + 1)
        if len(raw) > self.most_bytes:
            raise BodyTooLargeError(self.most_bytes)
        parser_context["request"].raw = raw
        if not raw.strip():
            message = "The body is empty. Send a JSON object."
            raise ParseError(message)
        value = self._value(raw)
        if _is_deeper(value, MAX_DEPTH):
            raise ParseError(TOO_DEEP)
        return value

    def _value(self, raw: bytes) -> Any:
        try:
            return json.loads(
                raw.decode("utf-8"),
                object_pairs_hook=_unique,
                parse_constant=_refuse_constant,
                parse_int=_bounded,
            )
        except UnicodeDecodeError:
            message = "The body is not UTF-8."
        except RecursionError:
            message = TOO_DEEP
        except json.JSONDecodeError as error:
            message = (
                f"The body is not JSON: {error.msg.removesuffix(' at')}"
                f" (line {error.lineno}, column {error.colno})."
            )
        except ValueError as error:
            message = str(error)
        raise ParseError(message)


class BulkJSONParser(StrictJSONParser):
    """The same for many commands at once."""

    most_bytes = MAX_BULK_BYTES


class OrjsonRenderer(BaseRenderer):
    """Writes UTF-8 JSON; instants as RFC 3339."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002
        renderer_context: Any = None,  # noqa: ARG002
    ) -> bytes:
        """Return *data* as JSON; no bytes for None."""
        return b"" if data is None else orjson.dumps(data, default=str)


def _refuse_other_codings(headers: HttpHeaders) -> None:
    content_type = headers.get("Content-Type", "")
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
    if coding not in PLAIN:
        message = "Send the body as it is, without Content-Encoding."
        raise UnsupportedMediaType(content_type, message)
    if charset.lower() not in UTF_8:
        message = "Send the body in UTF-8; JSON knows no other charset."
        raise UnsupportedMediaType(content_type, message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        message = "The body names a field twice."
        raise ValueError(message)
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value)


def _bounded(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        message = f"The body holds a number of more than {MAX_DIGITS} digits."
        raise ValueError(message)
    return int(digits)


def _refuse_constant(name: str) -> Any:
    message = f"The body holds {name}, which is not JSON."
    raise ValueError(message)
