"""Why somebody did what cannot go unexplained, as the log takes it."""

from __future__ import annotations

import unicodedata

from eventstore.errors import NoReasonError

REASON_LENGTH = 200


def proper(raw: str, *, most: int = REASON_LENGTH) -> str:
    """Return *raw* in normal form C, trimmed and cut to *most* characters.

    What was pasted may be decomposed, and a request may hold a NUL; the log takes
    neither.  The answer may be empty.
    """
    text = unicodedata.normalize("NFC", raw.replace("\0", ""))
    return text.strip()[:most].strip()


def wanted(raw: str) -> str:
    """Return *raw* as :func:`proper`.

    Raises:
        NoReasonError: Nothing is left.
    """
    if why := proper(raw):
        return why
    raise NoReasonError
