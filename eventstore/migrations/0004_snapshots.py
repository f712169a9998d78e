"""Snapshots, and an index that finds the shapes newer than the first."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index on a log in use is built beside the writers

    dependencies = [("eventstore", "0003_append_many")]

    operations = [
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream", models.TextField()),
                ("version", models.BigIntegerField()),
                ("fingerprint", models.TextField()),
                ("event_id", models.UUIDField()),
                ("recorded_at", models.DateTimeField()),
                ("state", models.JSONField()),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("stream", "fingerprint", "version"), name="snapshot_key"),
                ],
            },
        ),
        AddIndexConcurrently(
            model_name="storedevent",
            index=models.Index(
                fields=["type", "schema_version"],
                name="events_newer_shapes",
                condition=models.Q(schema_version__gt=1),
            ),
        ),
    ]
