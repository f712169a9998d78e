"""How many requests an org had left when a run over it read a page."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0017_salesforce_jobs")]

    operations = [
        migrations.AddField(
            model_name="salesforcerun",
            name=name,
            field=models.IntegerField(default=0),
        )
        for name in ("used", "most")
    ]
