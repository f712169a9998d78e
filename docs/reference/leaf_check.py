#!/usr/bin/env python3
"""Verify the leaves of an NDJSON export with nothing but Python itself.

    python3 leaf_check.py events.ndjson

Exits with 0 when every leaf is the one of its event, and with 1 at the first that is
not.  Shares no code with Annals on purpose; leaf.md describes what it computes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path


def canonical(value: object) -> bytes:
    """Return RFC 8785 JSON; within the profile of leaf.md, this is all it takes."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def leaf(event: dict[str, object]) -> str:
    """Return the leaf of one line of an export, in hexadecimal."""
    salt = bytes.fromhex(str(event["salt"]))
    header = {
        "actor": event["actor"],
        "causation": event["causation_id"],
        "correlation": event["correlation_id"],
        "data": hashlib.sha256(salt + canonical(event["data"])).hexdigest(),
        "id": event["event_id"],
        "meta": hashlib.sha256(canonical(event["metadata"])).hexdigest(),
        "occurred_at": event["occurred_at"],
        "recorded_at": event["recorded_at"],
        "schema": event["schema_version"],
        "source": event["source"],
        "stream": event["stream"],
        "type": event["type"],
        "v": 1,
        "version": event["version"],
    }
    return hashlib.sha256(b"\x00" + canonical(header)).hexdigest()


def main(name: str) -> int:
    """Check every line of the file called *name*."""
    count = 0
    with Path(name).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            if "specversion" in event:
                sys.exit("this is CloudEvents; export with --format ndjson")
            if leaf(event) != event["leaf"]:
                where = f"#{event['position']} ({event['stream']})"
                sys.stdout.write(f"line {number}: {where} has another leaf\n")
                return 1
            count = number
    sys.stdout.write(f"{count} leaves are right\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
