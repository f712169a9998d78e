"""Exports and the pieces of their files, for a day (ADR-0044)."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0020_turns'),
    ]

    operations = [
        migrations.CreateModel(
            name='Export',
            fields=[
                ('export_id', models.UUIDField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('form', models.TextField()),
                ('columns', models.JSONField()),
                ('zone', models.TextField(blank=True, default='')),
                ('is_plain', models.BooleanField()),
                ('asked', models.JSONField()),
                ('actor', models.TextField()),
                ('account', models.BigIntegerField()),
                ('reason', models.TextField()),
                ('correlation_id', models.UUIDField()),
                ('state', models.TextField(choices=[('running', 'Running'), ('done', 'Done'), ('withdrawn', 'Withdrawn'), ('failed', 'Failed')], default='running')),
                ('until', models.BigIntegerField()),
                ('cursor', models.TextField(blank=True, default='')),
                ('is_written', models.BooleanField(default=False)),
                ('pieces', models.IntegerField(default=0)),
                ('rows', models.BigIntegerField(default=0)),
                ('size_bytes', models.BigIntegerField(default=0)),
                ('first_position', models.BigIntegerField(null=True)),
                ('last_position', models.BigIntegerField(null=True)),
                ('sha256', models.TextField(blank=True, default='')),
                ('error', models.TextField(blank=True, default='')),
                ('attempts', models.IntegerField(default=0)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', '-started_at'], name='export_of_account')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('account',), name='export_running_once'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('ended_at__isnull', False), ('sha256__regex', '^[0-9a-f]{64}$')), _connector='OR'), name='export_done_is_hashed')],
            },
        ),
        migrations.CreateModel(
            name='ExportPiece',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField()),
                ('body', models.TextField()),
                ('people', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('export', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='eventstore.export')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('export', 'number'), name='export_piece_once')],
            },
        ),
    ]
