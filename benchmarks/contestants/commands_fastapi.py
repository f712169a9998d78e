"""The talk's own ``create_user``: FastAPI and asyncpg, one bare INSERT, no more."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import http_race
import psycopg
from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel

TABLE = """
CREATE TABLE IF NOT EXISTS talk_events (
    position bigserial PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    aggregate_id uuid NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = """
INSERT INTO talk_events (event_id, aggregate_id, type, data)
VALUES ($1, $2, 'UserCreated', $3)
"""


class NewUser(BaseModel):
    """The body of the one command."""

    name: str
    email: str


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """Keep connections, as the talk does."""
    parameters = json.loads(os.environ["TALK_DATABASE"])
    async with asyncpg.create_pool(min_size=8, max_size=8, **parameters) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=connected)


@app.post("/users", status_code=202)
async def create_user(user: NewUser) -> dict[str, str]:
    """Record the event, whoever asks and whatever is there."""
    user_id = uuid.uuid4()
    await app.state.pool.execute(INSERT, uuid.uuid4(), user_id, user.model_dump_json())
    return {"user_id": str(user_id)}


def site(conninfo: str, mode: str) -> http_race.Site:
    """Return the server, on a table of its own."""
    del mode

    def ask(statement: str) -> list[tuple[int]]:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    ask(TABLE)
    known = conninfo_to_dict(conninfo)
    names = {"host": "host", "user": "user", "dbname": "database"}
    parameters = {ours: known[name] for name, ours in names.items()}
    folder = str(Path(__file__).parent)
    uvicorn = [sys.executable, "-m", "uvicorn", "commands_fastapi:app"]
    quiet = ["--no-access-log", "--log-level", "warning", "--app-dir", folder]
    workers = ["--workers", str(os.cpu_count())]
    return http_race.Site(
        command=lambda port: [*uvicorn, *quiet, *workers, "--port", str(port)],
        environment={"TALK_DATABASE": json.dumps(parameters)},
        path="/users",
        headers=[],
        body=lambda: (
            json.dumps(
                {"name": "Ada Lovelace", "email": f"ada.{uuid.uuid4()}@example.com"}
            ).encode(),
            1,
        ),
        status=202,
        recorded=lambda: ask("SELECT count(*) FROM talk_events")[0][0],
    )


if __name__ == "__main__":
    http_race.run(site)
