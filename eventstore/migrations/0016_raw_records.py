"""Raw records: kept as received, and how far each is in being mapped."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql" / "0016_raw_records.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0015_resent_effects'),
    ]

    operations = [
        migrations.CreateModel(
            name='RawRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('record_id', models.UUIDField()),
                ('source', models.TextField()),
                ('kind', models.TextField()),
                ('dedupe_key', models.TextField()),
                ('content_hash', models.BinaryField()),
                ('content_type', models.TextField()),
                ('headers', models.JSONField()),
                ('verified_by', models.TextField()),
                ('size_bytes', models.BigIntegerField()),
                ('received_at', models.DateTimeField()),
                ('body', models.TextField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'raw_records',
                'permissions': [('reveal_rawrecord', 'Can see the body of raw records'), ('reprocess_rawrecord', 'Can reprocess and skip raw records')],
                'indexes': [models.Index(fields=['received_at', 'id'], name='raw_record_received'), models.Index(condition=models.Q(('body__isnull', False)), fields=['received_at'], name='raw_record_with_body')],
                'constraints': [models.UniqueConstraint(fields=('source', 'dedupe_key'), name='raw_record_once'), models.UniqueConstraint(fields=('record_id',), name='raw_record_id'), models.CheckConstraint(condition=models.Q(('body__isnull', True), ('deleted_at__isnull', True), _connector='XOR'), name='raw_record_has_a_body_or_lost_it')],
            },
        ),
        migrations.CreateModel(
            name='RecordMapping',
            fields=[
                ('raw_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('record_id', models.UUIDField(unique=True)),
                ('source', models.TextField()),
                ('state', models.TextField(choices=[('pending', 'Pending'), ('failing', 'Failing'), ('quarantined', 'Quarantined'), ('waiting', 'Waiting'), ('applied', 'Applied'), ('unchanged', 'Unchanged'), ('stale', 'Stale'), ('ignored', 'Ignored'), ('skipped', 'Skipped'), ('erased', 'Erased'), ('expired', 'Expired')], default='pending')),
                ('entity', models.TextField(blank=True, default='')),
                ('subject', models.TextField(blank=True, default='')),
                ('occurred_at', models.DateTimeField(null=True)),
                ('mapper', models.TextField(blank=True, default='')),
                ('mapper_version', models.IntegerField(default=0)),
                ('attempts', models.IntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('fingerprint', models.TextField(blank=True, default='')),
                ('next_attempt_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'record_mappings',
                'indexes': [models.Index(condition=models.Q(('state__in', ['pending', 'failing'])), fields=['source', 'raw_id'], name='record_mapping_due'), models.Index(condition=models.Q(('state__in', ['failing', 'quarantined'])), fields=['fingerprint', 'raw_id'], name='record_mapping_stuck'), models.Index(fields=['source', 'entity', 'raw_id'], name='record_mapping_entity'), models.Index(condition=models.Q(('subject', ''), _negated=True), fields=['subject'], name='record_mapping_subject'), models.Index(fields=['state', 'raw_id'], name='record_mapping_state')],
            },
        ),
        migrations.CreateModel(
            name='SourceEntity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.TextField()),
                ('entity', models.TextField()),
                ('subject', models.TextField()),
                ('said', models.JSONField(default=dict)),
                ('occurred_at', models.DateTimeField(null=True)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'source_entities',
                'indexes': [models.Index(fields=['subject'], name='source_entity_subject')],
                'constraints': [models.UniqueConstraint(fields=('source', 'entity'), name='source_entity_once')],
            },
        ),
        migrations.RunSQL(SQL.read_text(encoding="utf-8")),
    ]
