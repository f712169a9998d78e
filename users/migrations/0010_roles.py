"""Six roles of staff: groups with permissions, which an installation may change.

A group that has one of these names already keeps its permissions and gets these too.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

SEE = (
    "eventstore.view_storedevent",
    "eventstore.view_checkpoint",
    "eventstore.view_deadletter",
    "eventstore.view_rawrecord",
    "projections.view_directoryentry",
    "users.view_salesforcerun",
    "users.view_salesforceconflict",
)
SEE_PERSONS = "eventstore.view_personal_data"
REVEAL = "eventstore.reveal_personal_data"
REVEAL_RECORDS = "eventstore.reveal_rawrecord"
COMMANDS = ("users.issue_command", "users.change_salesforceconflict")
REPAIR = (
    "projections.reprocess",
    "eventstore.change_checkpoint",
    "eventstore.change_deadletter",
    "eventstore.change_effect",
    "eventstore.reprocess_rawrecord",
    "users.add_salesforcerun",
    "users.change_salesforcerun",
)
PROVE = (
    "eventstore.verify_chain",
    "eventstore.view_audit",
    "eventstore.export_events",
)
BEAT = ("periodictask", "clockedschedule", "crontabschedule", "intervalschedule",
        "solarschedule")
ROLES = {
    "Viewer": (*SEE, REVEAL),
    "Agent": (*SEE, SEE_PERSONS, *COMMANDS),
    "Operator": (*SEE, REVEAL, REVEAL_RECORDS, *REPAIR, "eventstore.verify_chain"),
    "Lead": (
        *SEE, SEE_PERSONS, REVEAL_RECORDS, *COMMANDS, *REPAIR, *PROVE,
        "projections.rebuild",
        "eventstore.skip_deadletter",
        "eventstore.skip_rawrecord",
        "users.approve_salesforcerun",
        "eventstore.view_webhookendpoint",
        "eventstore.change_webhookendpoint",
        "users.view_apitoken",
        "users.add_apitoken",
        "users.revoke_apitoken",
        *(f"django_celery_beat.{verb}_{model}"
          for model in BEAT for verb in ("view", "add", "change", "delete")),
    ),
    "Auditor": (
        *SEE, SEE_PERSONS, REVEAL_RECORDS, *PROVE,
        "eventstore.view_webhookendpoint",
        "users.view_apitoken",
        *(f"django_celery_beat.view_{model}" for model in BEAT),
    ),
    "Data officer": (*SEE, SEE_PERSONS, REVEAL_RECORDS, *PROVE, "users.erase_user"),
}
# Which model a permission hangs on; the others say so themselves (verb_model).
HANGS_ON = {
    "eventstore.view_personal_data": ("storedevent", "Can see personal data"),
    "eventstore.reveal_personal_data": (
        "storedevent", "Can reveal the data of one person"),
    "eventstore.view_audit": ("storedevent", "Can see what staff did"),
    "eventstore.verify_chain": ("storedevent", "Can verify the log"),
    "eventstore.export_events": ("storedevent", "Can export events"),
    "eventstore.reveal_rawrecord": ("rawrecord", "Can see the body of raw records"),
    "eventstore.reprocess_rawrecord": ("rawrecord", "Can reprocess raw records"),
    "eventstore.skip_rawrecord": ("rawrecord", "Can skip raw records"),
    "users.issue_command": ("claim", "Can issue commands on users"),
    "users.erase_user": ("claim", "Can erase users"),
    "users.approve_salesforcerun": (
        "salesforcerun", "Can approve mass changes from Salesforce"),
    "projections.reprocess": ("directoryentry", "Can reprocess read models"),
    "projections.rebuild": ("directoryentry", "Can rebuild read models"),
}


def make_roles(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for name, permissions in ROLES.items():
        group, _made = groups.get_or_create(name=name)
        group.permissions.add(*(_permission(apps, alias, each) for each in permissions))


def _permission(apps: Any, alias: str, name: str) -> Any:
    """Return a permission; Django itself makes them after all migrations only."""
    app, _, codename = name.partition(".")
    verb, _, model = codename.partition("_")
    model, label = HANGS_ON.get(name, (model, f"Can {verb} {model}"))
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    kind, _made = kinds.get_or_create(app_label=app, model=model)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    found, _made = permissions.get_or_create(
        content_type=kind, codename=codename, defaults={"name": label}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0009_salesforce_schedule"),
        ("eventstore", "0019_permissions"),
        ("projections", "0006_permissions"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0018_improve_crontab_helptext"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="claim",
            options={
                "permissions": [
                    ("issue_command", "Can issue commands on users"),
                    ("erase_user", "Can erase users"),
                ]
            },
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
