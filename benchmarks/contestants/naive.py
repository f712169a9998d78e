"""The talk's design: read the head, add an ORM object, commit (SQLAlchemy)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import psycopg
import race
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Engine,
    Text,
    Uuid,
    create_engine,
    func,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The tables of the talk."""


class Event(Base):
    """One event, as an ORM object."""

    __tablename__ = "naive_events"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    stream: Mapped[str] = mapped_column(Text, index=True)
    version: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True)
    type: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, str]] = mapped_column(JSON)
    recorded_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


def engine_on(conninfo: str) -> Engine:
    """Return an engine whose database has the tables."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo)
    )
    Base.metadata.create_all(engine)
    return engine


def row(stream: str, version: int, name: str) -> dict[str, object]:
    """Return an event that calls a user *name*, for filling the table at once."""
    return {
        "stream": stream,
        "version": version,
        "event_id": uuid.uuid4(),
        "type": "UserCreated" if version == 1 else "UserNameChanged",
        "data": {"name": name, "email": "ada@example.com"},
        "recorded_at": dt.datetime.now(tz=dt.UTC),
    }


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    del mode
    engine = engine_on(conninfo)

    def one() -> int:
        stream = f"user-{uuid.uuid4()}"
        with Session(engine) as session:
            newest = select(func.max(Event.version)).where(Event.stream == stream)
            version = (session.scalar(newest) or 0) + 1
            session.add(
                Event(
                    stream=stream,
                    version=version,
                    event_id=uuid.uuid4(),
                    type="UserCreated",
                    data={"name": "Ada Lovelace", "email": "ada@example.com"},
                    recorded_at=dt.datetime.now(tz=dt.UTC),
                )
            )
            session.commit()
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare)
