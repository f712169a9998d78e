"""What staff do to accounts, roles and schedules, recorded whatever page does it.

The pages of these tables are other packages'.  So nothing relies on their hooks: the
tables, which are small, are read before a request that posts and after it, and what
differs is recorded in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from celery.signals import before_task_publish
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import SuspiciousOperation
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from eventstore import store
from eventstore.admin.pages import SeeOther
from eventstore.circumstances import acting
from eventstore.events import ADMIN, ANY
from eventstore.operator_events import (
    ADDED,
    CHANGED,
    DELETED,
    PASSWORD,
    STARTED,
    RoleChanged,
    ScheduleChanged,
    StaffAccountChanged,
    StaffLockedOut,
    StaffLoggedIn,
    StaffLoggedOut,
)
from users import limits, values
from users.errors import InvalidValueError
from users.limits import Limit, Usage

Facts = dict[str, str]
Table = dict[tuple[type[Model], int], Facts]

LOCK = 7341  # advisory; one change of these tables at a time, so that each is told once
# Page names begin so: the tables that a post to such a page may change.
TABLES: Mapping[str, tuple[type[Model], ...]] = {
    "auth_": (User, Group),
    "password_change": (User,),
    "django_celery_beat_": (
        PeriodicTask,
        ClockedSchedule,
        CrontabSchedule,
        IntervalSchedule,
        SolarSchedule,
    ),
}
# They change by themselves, or on every save.
IGNORED = frozenset(
    {"id", "last_login", "date_joined", "last_run_at", "total_run_count"}
) | {"date_changed"}
PRIVATE = frozenset({"password", "email", "first_name", "last_name"})  # of a colleague
NOT_KEPT = "(not kept)"
REASON = "why"  # the field of ours in other packages' forms

# Names of the scheduled tasks that the request has sent, while a post is watched.
_sent: ContextVar[list[str] | None] = ContextVar("_sent", default=None)


def recording(request: HttpRequest, view: Callable[[], Any]) -> Any:
    """Return what *view* answers, and record what it changed; both, or neither."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    found = [kinds for start, kinds in TABLES.items() if (name or "").startswith(start)]
    if request.method != "POST" or not found:
        return view()
    reason = _reason(request)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before, had_any = _read(found[0]), _superusers().exists()
        sent: list[str] = []
        token = _sent.set(sent)
        try:
            answer = view()
        finally:
            _sent.reset(token)
        if had_any and not _superusers().exists():
            transaction.set_rollback(True)
            return _refused(request)
        after = _read(found[0])
        for key in sorted(before.keys() | after.keys(), key=str):
            _record(key, before.get(key), after.get(key), reason)
        _record_started(sent)
    return answer


def log_in(account: str, pk: int) -> None:
    """Record that somebody began a session."""
    with acting(actor=f"staff:{account}", source=ADMIN):
        _append(f"staff-{pk}", StaffLoggedIn(account=account))


def log_out(account: str, pk: int) -> None:
    """Record that somebody ended a session."""
    _append(f"staff-{pk}", StaffLoggedOut(account=account))


def locked(typed: str, subject: str, usage: Usage) -> None:
    """Record that a lock holds, once while it does.

    Args:
        typed: The log-in name as typed.
        subject: Whom the lock keeps out.
        usage: How the limit stands.
    """
    once = Limit(name="locks", most=1, seconds=usage.resets_in)
    told = limits.spend(once, subject)
    if told is not None and told.is_over:
        return
    known = User.objects.filter(username=typed).first()
    event = StaffLockedOut(
        account=known.get_username() if known else "", seconds=usage.resets_in
    )
    with acting(source=ADMIN):
        _append(f"staff-{known.pk if known else 'unknown'}", event)


def _superusers() -> QuerySet[User]:
    return User.objects.filter(is_superuser=True, is_staff=True, is_active=True)


def _refused(request: HttpRequest) -> HttpResponse:
    for _said in messages.get_messages(request):
        pass  # that it was done: what is read is not shown
    messages.error(
        request,
        _(
            "Not done: nobody would be left who may give roles. Make somebody else a"
            " superuser first."
        ),
    )
    return SeeOther(request.get_full_path())


def _reason(request: HttpRequest) -> str:
    try:
        return values.reason(request.POST.get(REASON, ""))
    except InvalidValueError as error:
        raise SuspiciousOperation(error.reason) from error


def _read(kinds: tuple[type[Model], ...]) -> Table:
    # What a row calls itself may be translated; the log is in one language.
    with translation.override(settings.LANGUAGE_CODE):
        return {
            (kind, row.pk): dict(_facts(row))
            for kind in kinds
            for row in _options(kind).default_manager.prefetch_related(*_many(kind))
        }


def _options(kind: type[Model]) -> Any:
    return kind._meta  # noqa: SLF001 - the documented way to a model's fields


def _many(kind: type[Model]) -> list[str]:
    return [field.name for field in _options(kind).many_to_many]


def _facts(row: Model) -> Iterator[tuple[str, str]]:
    for field in _options(type(row)).concrete_fields:
        if field.name not in IGNORED:
            value = getattr(row, field.name)
            yield field.name, "" if value is None else str(value)
    for name in _many(type(row)):
        yield name, ", ".join(sorted(str(each) for each in getattr(row, name).all()))


def _record(
    key: tuple[type[Model], int],
    before: Facts | None,
    after: Facts | None,
    reason: str,
) -> None:
    old, new = before or {}, after or {}
    names = [n for n in {**old, **new} if old.get(n, "") != new.get(n, "")]
    if not names:
        return
    change = CHANGED
    if before is None:
        change = ADDED
    elif after is None:
        change = DELETED
    elif names == ["password"]:
        change = PASSWORD
    kind, pk = key
    told = {
        "change": change,
        "old": {n: _kept(n, old[n]) for n in names if n in old},
        "new": {n: _kept(n, new[n]) for n in names if n in new},
        "reason": reason,
    }
    stream, event = _event(kind, pk, after or old, told)
    _append(stream, event)


def _event(
    kind: type[Model], pk: int, facts: Facts, told: dict[str, Any]
) -> tuple[str, object]:
    if kind is User:
        account = StaffAccountChanged(account=facts["username"], **told)
        return f"staff-{pk}", account
    if kind is Group:
        return f"role-{pk}", RoleChanged(role=facts["name"], **told)
    known = facts.get("name") or ", ".join(filter(None, facts.values()))
    stream = f"schedule-{_options(kind).model_name}-{pk}"
    return stream, ScheduleChanged(schedule=known, **told)


def _kept(name: str, value: str) -> str:
    return NOT_KEPT if name in PRIVATE and value else value


@before_task_publish.connect(weak=False)
def _note_sent(headers: Mapping[str, Any] | None = None, **_about: Any) -> None:
    """Note a task that is sent by hand: its message names the schedule it is of."""
    names, name = _sent.get(), (headers or {}).get("periodic_task_name")
    if names is not None and name:
        names.append(name)


def _record_started(sent: list[str]) -> None:
    for task in PeriodicTask.objects.filter(name__in=sent).order_by("pk"):
        started = ScheduleChanged(schedule=task.name, change=STARTED, old={}, new={})
        _append(f"schedule-periodictask-{task.pk}", started)


def _append(stream: str, event: object) -> None:
    store.append(stream, [event], expected_version=ANY)
