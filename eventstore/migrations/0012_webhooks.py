"""Webhooks: endpoints, what they are owed, and a courier that starts here."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from eventstore.reactor_start import start_reactor


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0011_causation_index")]

    operations = [
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField(unique=True)),
                ('url', models.TextField()),
                ('types', models.JSONField(default=list)),
                ('personal', models.BooleanField(default=False)),
                ('secret', models.TextField()),
                ('secret_number', models.IntegerField(default=1)),
                ('old_secret', models.TextField(blank=True, default='')),
                ('old_secret_until', models.DateTimeField(null=True)),
                ('state', models.TextField(choices=[('active', 'Active'), ('paused', 'Paused'), ('disabled', 'Disabled')], default='active')),
                ('reason', models.TextField(blank=True, default='')),
                ('starts_after', models.BigIntegerField()),
                ('failures', models.IntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('next_attempt_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.UUIDField()),
                ('position', models.BigIntegerField()),
                ('stream', models.TextField()),
                ('version', models.BigIntegerField()),
                ('type', models.TextField()),
                ('state', models.TextField(choices=[('pending', 'Pending'), ('done', 'Done'), ('failed', 'Failed')], default='pending')),
                ('attempts', models.IntegerField(default=0)),
                ('status', models.IntegerField(null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('next_attempt_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='eventstore.webhookendpoint')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'next_attempt_at'], name='webhook_due'), models.Index(fields=['endpoint', 'state', 'position'], name='webhook_state')],
                'constraints': [models.UniqueConstraint(fields=('endpoint', 'event_id'), name='webhook_once_per_event')],
            },
        ),
        start_reactor("webhooks"),
    ]
