"""A dry run keeps what would change, sealed, with its findings."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0020_finding_version")]

    operations = [
        migrations.AddField(
            model_name="salesforcefinding",
            name="sealed",
            # The database has the default, too: older code writes findings without it.
            field=models.TextField(blank=True, default="", db_default=""),
        ),
        migrations.AddIndex(
            model_name="salesforcefinding",
            index=models.Index(
                fields=["user_id", "run_id"],
                condition=models.Q(("sealed", ""), _negated=True),
                name="salesforce_finding_sealed",
            ),
        ),
    ]
