"""A reactor's birth: the migration operation that makes its checkpoints at "now"."""

from __future__ import annotations

from django.db import migrations

_START = """
INSERT INTO eventstore_checkpoint
    (subscription, bucket, position, moved_at, error, failed_at)
SELECT %s, bucket, events_watermark_v1(), now(), '', NULL
FROM generate_series(0, 15) AS bucket
ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM eventstore_checkpoint WHERE subscription = %s"


def start_reactor(name: str) -> migrations.RunSQL:
    """Return the operation that starts the reactor *name* at the end of the log.

    A reactor without checkpoints does nothing, so each one comes with a migration of
    its app; what was recorded before that migration never causes an effect (ADR-0011).
    """
    return migrations.RunSQL(sql=[(_START, [name])], reverse_sql=[(_FORGET, [name])])
