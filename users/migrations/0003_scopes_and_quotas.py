"""Tokens get an id, scopes, an expiry and a last use; quotas get their counter.

A token issued before may do what it could: everything.  It never expires.
"""

from __future__ import annotations

from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.functions
from django.db import migrations, models

SQL = Path(__file__).parent / "sql" / "0003_spend_quota.sql"
EVERYTHING = [
    "events:read",
    "personal:read",
    "users:erase",
    "users:read",
    "users:write",
]


class Migration(migrations.Migration):
    dependencies = [("users", "0002_start_welcome_email")]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="token_id",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(), unique=True
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), default=EVERYTHING, size=None
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="apitoken",
            name="expires_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="last_used_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="apitoken",
            name="name",
            field=models.TextField(),
        ),
        migrations.AlterModelOptions(
            name="apitoken",
            options={
                "default_permissions": ("add", "view"),
                "permissions": [("revoke_apitoken", "Can revoke API tokens")],
            },
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)),
                fields=("name",),
                name="apitoken_name_in_use_once",
            ),
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("key", models.BinaryField(primary_key=True, serialize=False)),
                ("used", models.IntegerField()),
                ("resets_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            SQL.read_text(encoding="utf-8"), "DROP FUNCTION spend_quota_v1"
        ),
    ]
