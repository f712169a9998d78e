"""A hint to the workers that a run is due; the sweeper finds it without, too."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction

from eventstore.doorbell import EXPIRES_SECONDS, Doorbell

TASK = "users.salesforce_sweep"
logger = logging.getLogger(__name__)


class RunBell(Doorbell):
    """Rings for runs as the other one rings for events."""

    def _publish(self) -> bool:
        try:
            current_app.send_task(
                TASK, retry_policy={"max_retries": 0}, expires=EXPIRES_SECONDS
            )
        # The bell must survive anything: the run is in the database.
        except Exception as error:  # noqa: BLE001
            self.failed += 1
            extra = {"error": type(error).__name__, "failed": self.failed}
            logger.warning("run bell not rung", extra=extra)
            return False
        self.rung += 1
        return True


bell = RunBell()


def ring_after_commit() -> None:
    """Ring once the current transaction commits; at once outside of one."""
    transaction.on_commit(bell.ring, robust=True)
