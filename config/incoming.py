"""Settings of what comes into this installation from other systems (ADR-0037)."""

from __future__ import annotations

from typing import Any

import environ

__all__ = [
    "INGEST_A_MINUTE",
    "INGEST_MAX_BYTES",
    "INGEST_RETENTION_DAYS",
    "INGEST_SOURCES",
    "INGEST_TOLERANCE_SECONDS",
    "INTAKE_MAPPERS",
]

env = environ.Env()

# Name of each source -> style, format, mapper, secrets: docs/reference/settings.md.
INGEST_SOURCES: dict[str, Any] = env.json("INGEST_SOURCES", default={})
INGEST_MAX_BYTES: int = env.int("INGEST_MAX_BYTES", default=1048576)
INGEST_TOLERANCE_SECONDS: int = env.int("INGEST_TOLERANCE_SECONDS", default=300)
# Deliveries to one source from one address; 0 is no limit.
INGEST_A_MINUTE: int = env.int("INGEST_A_MINUTE", default=600)
INGEST_RETENTION_DAYS: int = env.int("INGEST_RETENTION_DAYS", default=400)
INTAKE_MAPPERS = "config.intake.MAPPERS"
