"""Records that Salesforce said have changed, and which run read a record last."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0011_second_factors")]

    operations = [
        migrations.CreateModel(
            name="SalesforceHint",
            fields=[
                (
                    "sf_id",
                    models.TextField(primary_key=True, serialize=False),
                ),
                ("hinted_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddField(
            model_name="salesforcelink",
            name="run_id",
            field=models.UUIDField(null=True),
        ),
    ]
