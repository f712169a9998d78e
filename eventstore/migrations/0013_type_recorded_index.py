"""An index that carries a type and a time together (ADR-0027)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0012_webhooks")]

    operations = [
        migrations.AddIndex(
            model_name="storedevent",
            index=models.Index(
                fields=["type", "recorded_at", "position"], name="events_type_recorded"
            ),
        ),
    ]
