"""Runs that try a few first, and ask (ADR-0051)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projections', '0007_run_error'),
    ]

    operations = [
        migrations.AddField(
            model_name='reprocessrun',
            name='canary',
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reprocessrun',
            name='tried',
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name='reprocessrun',
            name='state',
            field=models.TextField(choices=[('running', 'Running'), ('asking', 'Asking'), ('paused', 'Paused'), ('cancelled', 'Cancelled'), ('finished', 'Finished')], default='running'),
        ),
    ]
