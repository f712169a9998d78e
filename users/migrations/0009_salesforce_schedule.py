"""Schedules of the readings of Salesforce, to be edited in the admin.

They start nothing until SALESFORCE_ENABLED is set.
"""

from __future__ import annotations

import json

from django.db import migrations


def seed(apps, schema_editor):
    """Add the schedules that are not there yet; what somebody edited stays."""
    every = apps.get_model("django_celery_beat", "IntervalSchedule").objects
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    minute, _ = every.get_or_create(every=1, period="minutes")
    ten, _ = every.get_or_create(every=10, period="minutes")
    sunday, _ = crontab.get_or_create(
        minute="0",
        hour="3",
        day_of_week="0",
        day_of_month="*",
        month_of_year="*",
        timezone="UTC",
    )
    start = "users.salesforce_start"
    for name, known in {
        "salesforce incremental": {
            "interval": ten,
            "task": start,
            "args": json.dumps(["incremental"]),
            "expire_seconds": 600,
        },
        "salesforce reconcile": {
            "crontab": sunday,
            "task": start,
            "args": json.dumps(["reconcile"]),
        },
        "salesforce sweep": {
            "interval": minute,
            "task": "users.salesforce_sweep",
            "expire_seconds": 60,
        },
    }.items():
        apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
            name=name, defaults=known
        )


class Migration(migrations.Migration):

    dependencies = [
        ("users", "0008_salesforce"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
