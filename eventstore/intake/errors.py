"""Every error of the intake, facts as attributes."""

from __future__ import annotations

from uuid import UUID

from eventstore.errors import EventStoreError
from eventstore.wording import worded


class IntakeError(EventStoreError):
    """Something about raw records, sources or mappers."""


class UnverifiedError(IntakeError):
    """A delivery does not prove that it comes from its source, or comes too late.

    The reason is for the log of the installation, never for the sender.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnknownSourceError(IntakeError):
    """No source of this name is set up, or it has no secret."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(worded("There is no source {name}.", name=name))


class FetchedError(IntakeError):
    """A connector fetched these records and made of them what there was to be made.

    Attributes:
        source: Whose they are.
        command: What has them fetched and read again.
    """

    def __init__(self, source: str, command: str) -> None:
        self.source = source
        self.command = command
        super().__init__(
            worded(
                "Records of {source} are fetched, and no mapper reads them here. Have"
                " them fetched and read again: {command}",
                source=source,
                command=command,
            )
        )


class UnknownMapperError(IntakeError):
    """No mapper of this name is listed in ``config/intake.py``."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            worded(
                "no mapper is called {name!r}; list it in config/intake.py", name=name
            )
        )


class SourceSettingsError(IntakeError):
    """``INGEST_SOURCES`` says something that cannot be meant."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"INGEST_SOURCES, {name}: {problem}")


class UnknownRecordError(IntakeError):
    """There is no such raw record."""

    def __init__(self, record_id: UUID) -> None:
        self.record_id = record_id
        super().__init__(
            worded("There is no raw record {record_id}.", record_id=record_id)
        )


class BodyGoneError(IntakeError):
    """The body of a raw record was deleted: retention, or the person was erased."""

    def __init__(self, record_id: UUID) -> None:
        self.record_id = record_id
        super().__init__(
            worded(
                "The body of the raw record {record_id} is gone.", record_id=record_id
            )
        )


class RecordStateError(IntakeError):
    """What was asked does not fit the state of the raw record."""


class MapperError(IntakeError):
    """A mapper cannot make sense of a record; trying again would not help.

    Attributes:
        code: Short and without personal data, for example ``not_json``.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class SubjectErasedError(IntakeError):
    """A record tells of a person who was erased, and who is not brought back."""
