"""Saved views of the event browser (ADR-0052), and exports that are cancelled."""

from __future__ import annotations

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0023_receive_raw_records'),
    ]

    operations = [
        migrations.AlterField(
            model_name='export',
            name='state',
            field=models.TextField(choices=[('running', 'Running'), ('done', 'Done'), ('withdrawn', 'Withdrawn'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='running'),
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('view_id', models.UUIDField(primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('query', models.TextField()),
                ('account', models.BigIntegerField()),
                ('actor', models.TextField()),
                ('role_id', models.BigIntegerField(null=True)),
                ('role', models.TextField(blank=True, default='')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['account'], name='saved_view_of_account')],
                'constraints': [models.UniqueConstraint(models.F('account'), django.db.models.functions.text.Lower('name'), condition=models.Q(('role_id__isnull', True)), name='saved_view_once_a_person'), models.UniqueConstraint(models.F('role_id'), django.db.models.functions.text.Lower('name'), condition=models.Q(('role_id__isnull', False)), name='saved_view_once_a_role'), models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('query', ''), _negated=True)), name='saved_view_says_something')],
            },
        ),
    ]
