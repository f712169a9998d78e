"""manage.py key_ring show|create|add|activate|rewrap|drop: the master keys."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventstore import keyring, rotation
from eventstore.archive.console import REFUSED, Progress, could_not_run
from eventstore.errors import KeyRingError
from eventstore.rotation import Epoch


class Command(BaseCommand):
    """Shows and rotates the master keys that wrap each person's key."""

    help = "Show the master keys, make a key ring, or rotate it one step at a time."
    requires_system_checks = ()  # a missing key ring is what it is called for

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the step."""
        steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
        steps.add_parser("show", help="each epoch, and how many keys it wraps")
        create = steps.add_parser("create", help="write a new ring; never over a file")
        create.add_argument("path", type=Path)
        steps.add_parser("add", help="add a master key, which wraps nothing yet")
        activate = steps.add_parser(
            "activate", help="let a master key wrap what is new"
        )
        activate.add_argument("epoch", type=int)
        steps.add_parser("rewrap", help="wrap every key under the active epoch")
        drop = steps.add_parser("drop", help="forget a master key that wraps nothing")
        drop.add_argument("epoch", type=int)

    def handle(self, *args: Any, step: str, **options: Any) -> None:  # noqa: ARG002
        """Carry out one step and say what comes next.

        Raises:
            CommandError: It cannot be done; says why.
        """
        try:
            with could_not_run():
                getattr(self, f"_{step}")(options)
        except KeyRingError as error:
            raise CommandError(str(error), returncode=REFUSED) from error

    def _show(self, _options: dict[str, Any]) -> None:
        ring = keyring.current()
        self.stdout.write(f"{keyring.path_of_ring()} ({ring.purpose})")
        epochs = rotation.epochs()
        for epoch in epochs:
            self.stdout.write(f"epoch {epoch.epoch}: {_told(epoch)}")
        if any(not each.fits or (each.keys and not each.is_in_ring) for each in epochs):
            message = (
                "this is not the key ring of this database; use the file that is, or "
                "personal data can be neither read nor recorded"
            )
            raise KeyRingError(message)

    def _create(self, options: dict[str, Any]) -> None:
        path = options["path"].absolute()
        keyring.save(keyring.new(keyring.PRODUCTION), path, is_new=True)
        self.stdout.write(
            f"Made {path}. Set KEY_RING_FILE to it on every machine, and keep a copy "
            "apart from the database: without it no personal data can be read."
        )

    def _add(self, _options: dict[str, Any]) -> None:
        ring = keyring.with_new_epoch(keyring.current())
        keyring.save(ring, keyring.path_of_ring())
        epoch = max(ring.keys)
        self.stdout.write(
            f"Added epoch {epoch}. Copy the file to every machine, then: "
            f"manage.py key_ring activate {epoch}"
        )

    def _activate(self, options: dict[str, Any]) -> None:
        ring = keyring.activated(keyring.current(), options["epoch"])
        keyring.save(ring, keyring.path_of_ring())
        self.stdout.write(
            f"Epoch {ring.active_epoch} wraps what is new. Copy the file to every "
            "machine, then: manage.py key_ring rewrap"
        )

    def _rewrap(self, _options: dict[str, Any]) -> None:
        total = sum(each.keys for each in rotation.epochs() if not each.is_active)
        bar = Progress(self.stderr, "rewrapped", total=total, noun="key")  # type: ignore[arg-type]
        done = rotation.rewrap(on_batch=lambda count: bar.update(count, count))
        bar.close()
        self.stdout.write(f"{done:,} keys rewrapped under the active epoch.")

    def _drop(self, options: dict[str, Any]) -> None:
        epoch = options["epoch"]
        if epoch not in keyring.current().keys:
            message = f"the key ring has no epoch {epoch}; manage.py key_ring show"
            raise KeyRingError(message)
        ring = keyring.without(keyring.current(), epoch)
        rotation.retire(epoch)
        keyring.save(ring, keyring.path_of_ring())
        self.stdout.write(
            f"Dropped epoch {epoch}. Delete every other copy of the file that has it: "
            "then nobody can unwrap what old backups of the vault hold."
        )


def _told(epoch: Epoch) -> str:
    facts = [f"wraps {epoch.keys:,} keys"]
    if epoch.is_active:
        facts.append("active")
    if not epoch.is_in_ring:
        facts.append("NOT IN THE RING" if epoch.keys else "not in the ring")
    if not epoch.fits:
        facts.append("THE RING HAS ANOTHER KEY UNDER THIS NUMBER")
    if epoch.retired_at is not None:
        facts.append(f"retired {epoch.retired_at:%Y-%m-%d}")
    return ", ".join(facts)
