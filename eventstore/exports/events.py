"""That data left the back office, or was to; facts of the streams ``export-<id>``."""

from __future__ import annotations

from dataclasses import dataclass

from eventstore.codec import event_type, gettext_noop


@event_type(
    "DataExported",
    sentence=gettext_noop("{who} exported {rows} {what} ({asked}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class DataExported:
    """A file was made that one person may fetch for a day.

    Attributes:
        what: What was exported: ``events``, ``users``.
        asked: The filter, in words that tell of no person.
        form: ``csv``, ``json`` or ``ndjson``.
        columns: Names of the columns.
        personal: Whether persons are shown plainly in it.
        rows: How many.
        first: Least position of a row; 0 when there is none.
        last: The greatest.
        until: Watermark when it began: nothing above is in it.
        sha256: Of what follows the head of the file, in hex.
        reason: Why, in the words of whoever asked for it.
    """

    what: str
    asked: str
    form: str
    columns: list[str]
    personal: bool
    rows: int
    first: int
    last: int
    until: int
    sha256: str
    reason: str


@event_type(
    "ExportCancelled",
    sentence=gettext_noop("{who} cancelled an export of {what} ({asked}) via {via}"),
    is_operators=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCancelled:
    """A file was not finished, and nobody can fetch any of it.

    Attributes:
        what: What was to be exported, as in :class:`DataExported`.
        asked: The filter, in words that tell of no person.
        form: ``csv``, ``json`` or ``ndjson``.
        rows: How many had been written.
    """

    what: str
    asked: str
    form: str
    rows: int
