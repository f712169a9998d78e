"""An index that carries every question about a time (ADR-0020)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0005_import")]

    operations = [
        migrations.AddIndex(
            model_name="storedevent",
            index=models.Index(
                fields=["recorded_at", "position"], name="events_recorded"
            ),
        ),
        migrations.RemoveIndex(model_name="storedevent", name="events_recorded_at"),
    ]
