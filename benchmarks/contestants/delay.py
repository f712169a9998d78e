"""The talk's own projection: a task for each event, which writes a row.

``celery -A benchmarks.contestants.delay``; the database is ``DATABASE_URL``.
"""

from __future__ import annotations

import json
import os
from uuid import UUID, uuid4

import psycopg
from celery import Celery

TABLES = """
CREATE TABLE IF NOT EXISTS talk_log (
    position bigserial PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    aggregate_id uuid NOT NULL,
    data jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS talk_users (user_id uuid PRIMARY KEY, name text NOT NULL)
"""
INSERT = "INSERT INTO talk_log (event_id, aggregate_id, data) VALUES (%s, %s, %s)"
READ = "SELECT aggregate_id, data ->> 'name' FROM talk_log WHERE event_id = %s"
WRITE = "INSERT INTO talk_users VALUES (%s, %s) ON CONFLICT DO NOTHING"

app = Celery("talk", broker=os.environ.get("CELERY_BROKER_URL"))
app.conf.task_ignore_result = True
app.conf.task_default_queue = "talk"  # hints of ours are nothing to it
_links: dict[int, psycopg.Connection] = {}


def link() -> psycopg.Connection:
    """Return this process's connection."""
    if os.getpid() not in _links:
        url = os.environ["DATABASE_URL"]
        _links[os.getpid()] = psycopg.connect(url, autocommit=True)
    return _links[os.getpid()]


def create(user_ids: list[UUID]) -> None:
    """Record an event for each user, and send a task for each."""
    for user_id in user_ids:
        event_id = uuid4()
        told = json.dumps({"name": "Ada Lovelace"})
        link().execute(INSERT, [event_id, user_id, told])
        project.delay(str(event_id))


@app.task
def project(event_id: str) -> None:
    """Write the row of one event."""
    row = link().execute(READ, [event_id]).fetchone()
    link().execute(WRITE, row)
