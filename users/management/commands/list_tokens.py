"""manage.py list_tokens: who may use the REST interface, and for what."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from users import tokens
from users.models import ApiToken


class Command(BaseCommand):
    """Lists the API tokens."""

    help = "List the API tokens in use, by name; never the tokens themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask how much to show, and how."""
        parser.add_argument("--all", action="store_true", help="Revoked ones, too.")
        parser.add_argument("--json", action="store_true", help="For machines.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Print one line a token."""
        found = ApiToken.objects.order_by("name", "created_at")
        if not options["all"]:
            found = found.filter(revoked_at__isnull=True)
        told = [_told(token) for token in found]
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
            return
        for each in told:
            self.stdout.write(
                f"{each['name']}: {each['standing']}, {' '.join(each['scopes'])},"
                f" expires {each['expires_at'] or 'never'},"
                f" last used {each['last_used_at'] or 'never'}"
            )


def _told(token: ApiToken) -> dict[str, Any]:
    return {
        "id": str(token.token_id),
        "name": token.name,
        "standing": tokens.standing(token).value,
        "scopes": token.scopes,
        "created_at": _time(token.created_at),
        "expires_at": _time(token.expires_at),
        "revoked_at": _time(token.revoked_at),
        "last_used_at": _time(token.last_used_at),
    }


def _time(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
