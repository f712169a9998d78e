"""Who may change what another system owns: Lead, and whoever an installation chooses."""

from __future__ import annotations

from typing import Any

from django.db import migrations

CODENAME, LABEL = "override_owner", "Can change what another system owns"


def give_to_lead(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    kind, _made = kinds.get_or_create(app_label="users", model="claim")
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    # Django itself makes permissions after all migrations only.
    found, _made = permissions.get_or_create(
        content_type=kind, codename=CODENAME, defaults={"name": LABEL}
    )
    # An installation may have renamed or removed the role.
    for lead in apps.get_model("auth", "Group").objects.using(alias).filter(name="Lead"):
        lead.permissions.add(found)


class Migration(migrations.Migration):
    dependencies = [("users", "0018_salesforce_requests")]

    operations = [
        migrations.AlterModelOptions(
            name="claim",
            options={
                "permissions": [
                    ("issue_command", "Can issue commands on users"),
                    ("erase_user", "Can erase users"),
                    (CODENAME, LABEL),
                ]
            },
        ),
        migrations.RunPython(give_to_lead, migrations.RunPython.noop),
    ]
