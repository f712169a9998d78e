"""The link of a record knows the row that said it, so that the same row is passed by."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0012_salesforce_hints")]

    operations = [
        migrations.AddField(
            model_name="salesforcelink",
            name="digest",
            # The database has the default, too: older code writes links without it.
            field=models.TextField(blank=True, default="", db_default=""),
        ),
    ]
