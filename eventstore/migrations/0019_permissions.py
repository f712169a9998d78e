"""Permissions of staff that no table of its own gives a name."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0018_rebuilds")]

    operations = [
        migrations.AlterModelOptions(
            name="storedevent",
            options={
                "permissions": [
                    ("view_personal_data", "Can see personal data"),
                    ("reveal_personal_data", "Can reveal the data of one person"),
                    ("view_audit", "Can see what staff did"),
                    ("verify_chain", "Can verify the log"),
                    ("export_events", "Can export events"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="deadletter",
            options={"permissions": [("skip_deadletter", "Can skip dead letters")]},
        ),
        migrations.AlterModelOptions(
            name="rawrecord",
            options={
                "permissions": [
                    ("reveal_rawrecord", "Can see the body of raw records"),
                    ("reprocess_rawrecord", "Can reprocess raw records"),
                    ("skip_rawrecord", "Can skip raw records"),
                ]
            },
        ),
    ]
