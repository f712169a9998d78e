"""Turns: one worker at a time looks after the subscriptions (ADR-0042)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0019_permissions")]

    operations = [
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("holder", models.UUIDField()),
                ("held_until", models.DateTimeField()),
                ("is_wanted", models.BooleanField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(
            "ALTER TABLE eventstore_turn SET UNLOGGED",
            "ALTER TABLE eventstore_turn SET LOGGED",
        ),
    ]
