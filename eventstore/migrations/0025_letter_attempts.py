"""Dead letters keep when they failed, and in which code (ADR-0051)."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0024_saved_views'),
    ]

    operations = [
        migrations.AddField(
            model_name='deadletter',
            name='code',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='deadletter',
            name='failed_at',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), default=list, size=None),
        ),
    ]
