"""The permission to build read models anew."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("projections", "0005_streams")]

    operations = [
        migrations.AlterModelOptions(
            name="directoryentry",
            options={
                "permissions": [
                    ("reprocess", "Can reprocess read models"),
                    ("rebuild", "Can rebuild read models"),
                ]
            },
        ),
    ]
