"""What waits for a second person, and never for whoever asked (ADR-0047)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0025_letter_attempts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('approval_id', models.UUIDField(primary_key=True, serialize=False)),
                ('act', models.TextField()),
                ('target', models.TextField()),
                ('values', models.JSONField()),
                ('account', models.BigIntegerField()),
                ('actor', models.TextField()),
                ('until', models.DateTimeField()),
                ('state', models.TextField(choices=[('waiting', 'Waiting'), ('approved', 'Approved'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='waiting')),
                ('decided_by', models.BigIntegerField(null=True)),
                ('decider', models.TextField(blank=True, default='')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['until'], name='approval_waits')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('decided_by__isnull', True), ('state', 'waiting')), models.Q(('decided_by__isnull', False), models.Q(models.Q(('state__in', ['approved', 'refused']), models.Q(('decided_by', models.F('account')), _negated=True)), models.Q(('decided_by', models.F('account')), ('state', 'withdrawn')), _connector='OR')), _connector='OR'), name='approval_is_by_another_account')],
            },
        ),
    ]
