"""The Celery app: its queues, what runs on a schedule.  Tasks live in each tasks.py."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals
from kombu import Queue

from config.garbage import leave_the_code_out

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("annals")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Other systems take as long as they like.  Whatever waits for them has a queue apart:
# a worker that serves only the other one always has a hand free for read models.
app.conf.task_queues = (Queue("celery"), Queue("outside", routing_key="outside"))
app.conf.task_routes = {"users.salesforce_sweep": {"queue": "outside"}}
app.conf.beat_schedule = {
    # Catches up whatever a lost doorbell left behind: the broker may lose everything.
    "sweep": {
        "task": "eventstore.sweep",
        "schedule": 5.0,  # seconds
        "options": {"expires": 5},
    },
    "discard_quotas": {
        "task": "users.discard_quotas",
        "schedule": 3600.0,  # seconds
        "options": {"expires": 3600},
    },
    "prune_deliveries": {
        "task": "eventstore.prune",
        "schedule": 3600.0,  # seconds
        "options": {"expires": 3600},
    },
    "drop_kept": {
        "task": "eventstore.drop_kept",
        "schedule": 600.0,  # seconds
        "options": {"expires": 600},
    },
    "prune": {
        "task": "users.prune",
        "schedule": 600.0,  # seconds
        "options": {"expires": 600},
    },
    # Goes on with what a killed worker left behind, too.
    "reprocess": {
        "task": "projections.go_on",
        "schedule": 5.0,  # seconds
        "options": {"expires": 5},
    },
    "export": {
        "task": "projections.export",
        "schedule": 5.0,  # seconds
        "options": {"expires": 5},
    },
    "expire_exports": {
        "task": "eventstore.expire_exports",
        "schedule": 60.0,  # seconds
        "options": {"expires": 60},
    },
    "check_drift": {
        "task": "projections.check_drift",
        "schedule": 60.0,  # seconds
        "options": {"expires": 60},
    },
}


@signals.worker_init.connect
def _begin(**_: Any) -> None:
    leave_the_code_out()
