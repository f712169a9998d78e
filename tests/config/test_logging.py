from __future__ import annotations

import logging

import pytest

from config.logging import FieldsFormatter, UnavailableFilter


def test_a_line_has_its_instant_its_event_and_its_fields() -> None:
    record = logging.LogRecord(
        "eventstore.doorbell", logging.WARNING, "", 0, "not %s", ("rung",), None
    )
    record.created = 1_794_000_000
    record.failed = 2
    record.why = "two\nlines"
    assert FieldsFormatter().format(record) == (
        "2026-11-06T21:20:00Z WARNING eventstore.doorbell: not rung"
        " failed=2 why='two\\nlines'"
    )


def test_a_field_that_is_no_plain_value_is_left_out() -> None:
    record = logging.LogRecord("django.request", 40, "", 0, "Bad", (), None)
    record.created = 1_794_000_000
    record.status_code = 500
    record.request = object()  # Django's, with the query string in its repr
    line = "2026-11-06T21:20:00Z ERROR django.request: Bad status_code=500"
    assert FieldsFormatter().format(record) == line


@pytest.mark.parametrize(
    ("status", "level"), [(500, "ERROR"), (502, "ERROR"), (503, "WARNING")]
)
def test_an_answer_that_says_come_again_is_a_warning(status: int, level: str) -> None:
    record = logging.LogRecord("django.request", 40, "", 0, "Bad", (), None)
    record.status_code = status
    assert UnavailableFilter().filter(record)
    assert (record.levelname, record.levelno) == (level, getattr(logging, level))


def test_a_log_of_errors_alone_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.LogRecord("django.request", 40, "", 0, "Bad", (), None)
    record.status_code = 503
    root = logging.getLogger()
    monkeypatch.setattr(root, "isEnabledFor", lambda level: level >= logging.ERROR)
    assert not UnavailableFilter().filter(record)
