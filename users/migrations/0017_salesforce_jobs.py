"""Jobs of the Bulk API that runs made and that are not deleted yet."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0016_salesforce_digest")]

    operations = [
        migrations.CreateModel(
            name="SalesforceJob",
            fields=[
                (
                    "job_id",
                    models.TextField(primary_key=True, serialize=False),
                ),
                ("run_id", models.UUIDField()),
                ("version", models.TextField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
