"""An index that finds what a command caused (ADR-0022)."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index on a log in use is built beside the writers

    dependencies = [("eventstore", "0010_cancelled_effects")]

    operations = [
        AddIndexConcurrently(
            model_name="storedevent",
            index=models.Index(
                fields=["causation_id"],
                name="events_causation",
                condition=models.Q(causation_id__isnull=False),
            ),
        ),
    ]
