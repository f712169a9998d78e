"""The welcome e-mail starts here: what happened before never causes one."""

from __future__ import annotations

from django.db import migrations

from eventstore.reactor_start import start_reactor


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial"), ("eventstore", "0002_append_only")]

    operations = [start_reactor("welcome_email")]
