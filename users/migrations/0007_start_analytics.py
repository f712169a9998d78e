"""Analytics starts here: what happened before is never told."""

from __future__ import annotations

from django.db import migrations

from eventstore.reactor_start import start_reactor


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0006_spend_many"),
        ("eventstore", "0002_append_only"),
    ]

    operations = [start_reactor("analytics")]
