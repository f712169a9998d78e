"""The intake maps what comes from here on."""

from __future__ import annotations

from django.db import migrations

from eventstore.reactor_start import start_reactor


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0016_raw_records")]

    operations = [start_reactor("intake")]
