from __future__ import annotations

import pytest

from eventstore import reasons
from eventstore.errors import NoReasonError


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("  ticket OPS-412 ", "ticket OPS-412"),
        ("cafe\u0301", "café"),  # as macOS hands it over
        ("a\x00b", "ab"),
        ("é" * 300, "é" * 200),
        ("a" * 199 + " b", "a" * 199),
        ("\x00 \n", ""),
    ],
)
def test_a_reason_becomes_what_the_log_takes(raw: str, why: str) -> None:
    assert reasons.proper(raw) == why
    if why:
        assert reasons.wanted(raw) == why
    else:
        with pytest.raises(NoReasonError):
            reasons.wanted(raw)
