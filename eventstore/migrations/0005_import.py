"""Bulk import: positions drawn under the floor lock, and which ranges are history."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql" / "0005_import.sql"


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0004_snapshots")]

    operations = [
        migrations.RunSQL(
            SQL.read_text(encoding="utf-8"),
            "DROP FUNCTION draw_positions_v1",
        ),
        migrations.CreateModel(
            name="ImportedRange",
            fields=[
                (
                    "first_position",
                    models.BigIntegerField(primary_key=True, serialize=False),
                ),
                ("last_position", models.BigIntegerField()),
                ("imported_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("last_position__gte", models.F("first_position"))
                        ),
                        name="imported_range_upwards",
                    )
                ]
            },
        ),
    ]
