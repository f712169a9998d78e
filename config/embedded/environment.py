"""What Django is told: the environment variables an installation did not set."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config.embedded import keys, places, postgres, valkey
from config.embedded.errors import EmbeddedError
from eventstore import keyring, roles

PROJECT = Path(__file__).resolve().parents[2]
DATABASE = "annals"
MAIL = "mail"  # one file for each e-mail that would be sent
KEY_RING = "key_ring.json"
# The kept files and the variables they fill.
SECRETS = {"SECRET_KEY": "secret_key", "CLAIM_KEY": "claim_key"}
LAPTOP = {
    "ENVIRONMENT_NAME": "Development",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "SECURE_SSL_REDIRECT": "false",
    "STAFF_SECOND_FACTOR": "false",
}


@dataclass(frozen=True, kw_only=True)
class Services:
    """What this process runs on; None where the environment names another service."""

    database: postgres.Server | None = None
    database_state: Path | None = None  # the folder of its files
    broker_state: Path | None = None


_services = Services()


def services() -> Services:
    """Return what `prepare` arranged for this process."""
    return _services


def prepare() -> None:
    """Make the environment complete, starting the embedded PostgreSQL if none is named.

    Children inherit the result and start nothing.  Running it twice changes nothing.
    Anything amiss ends the process with one sentence.
    """
    try:
        _arrange()
    except EmbeddedError as error:
        sys.exit(f"annals: {error}")
    except OSError as error:
        sys.exit(f"annals: cannot use {error.filename}: {error.strerror}.")


def _arrange() -> None:
    global _services  # noqa: PLW0603  # one environment, one arrangement a process
    embeds_database = "DATABASE_URL" not in os.environ
    embeds_broker = "CELERY_BROKER_URL" not in os.environ
    if not embeds_database:
        _refuse_missing_secrets()
    if not (embeds_database or embeds_broker):
        return
    state = places.state_folder(Path(os.environ.get("STATE_DIR") or PROJECT / ".state"))
    database = _embed_database(state) if embeds_database else None
    if embeds_broker:
        os.environ["CELERY_BROKER_URL"] = valkey.url(state)
    _services = Services(
        database=database,
        database_state=state if embeds_database else None,
        broker_state=state if embeds_broker else None,
    )


def _refuse_missing_secrets() -> None:
    missing = [name for name in SECRETS if not os.environ.get(name)]
    if missing:
        message = (
            f"DATABASE_URL is set, so {' and '.join(missing)} must be set, too: "
            "a long random secret that stays the same."
        )
        raise EmbeddedError(message)


def _embed_database(state: Path) -> postgres.Server:
    server = postgres.ensure(state, DATABASE)
    host = quote(str(server.socket_folder), safe="")
    os.environ["DATABASE_URL"] = f"postgresql://{roles.APP}@{host}/{DATABASE}"
    migrate = f"postgresql://{roles.MIGRATE}@{host}/{DATABASE}"
    os.environ["MIGRATE_DATABASE_URL"] = migrate
    for variable, name in SECRETS.items():
        if variable not in os.environ:
            os.environ[variable] = keys.kept(state / name)
    if "KEY_RING_FILE" not in os.environ:
        ring = state / KEY_RING
        keys.kept(ring, lambda: keyring.written(keyring.new(keyring.DEVELOPMENT)))
        os.environ["KEY_RING_FILE"] = str(ring)
    # On the terminal they would drown everything else.
    mail = {"EMAIL_URL": f"filemail:///{quote(str(state / MAIL))}"}
    for variable, value in (LAPTOP | mail).items():
        os.environ.setdefault(variable, value)
    return server
