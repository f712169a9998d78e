"""At which version of the user a run found what it would do to them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0019_override_owner")]

    operations = [
        migrations.AddField(
            model_name="salesforcefinding",
            name="version",
            field=models.BigIntegerField(null=True),
        )
    ]
