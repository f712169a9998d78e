from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from eventstore import heartbeats, liveness, store, subscriptions
from eventstore.intake import raw
from eventstore.intake.raw import Received
from eventstore.models import Checkpoint, Heartbeat, Pause
from projections.models import Drift, DriftCheck
from tests.backoffice import catch_up, superuser, text
from tests.factories import NOON, api_token, dead_letter, known_user
from users.scopes import ALL, Scope

pytestmark = pytest.mark.usefixtures("committed_db")


def asked(*scopes: Scope) -> Client:
    token = api_token("prometheus", scopes=sorted(scopes))
    return Client(headers={"Authorization": f"Bearer {token}", "Accept": "text/plain"})


def directory() -> liveness.Vital:
    found = {vital.name: vital for vital in liveness.vitals(store.watermark())}
    return found["directory"]


def test_tells_a_stranger_in_one_word_that_it_lives_and_can_serve() -> None:
    for name, word in (("live", b"live\n"), ("ready", b"ready\n")):
        response = Client().get(f"/health/{name}")
        assert (response.status_code, response.content) == (200, word)
        assert "no-store" in response["Cache-Control"]


def test_is_asked_in_clear_where_all_else_is_sent_to_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/health/ready").status_code == 200
    assert Client().get("/metrics").status_code == 301


@pytest.mark.usefixtures("superuser")
def test_is_not_ready_without_the_database_but_lives() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION events_watermark_v1() RENAME TO gone")
    response = Client().get("/health/ready")
    assert (response.status_code, response.content) == (503, b"not ready\n")
    assert Client().get("/health/live").status_code == 200


def test_metrics_want_a_token_of_their_own_scope() -> None:
    assert Client().get("/metrics").status_code == 401
    others = api_token("others", scopes=sorted(ALL - {Scope.METRICS_READ}))
    refused = Client(headers={"Authorization": f"Bearer {others}"}).get("/metrics")
    assert refused.status_code == 403


def test_metrics_tell_how_far_each_subscription_has_come() -> None:
    known_user()
    catch_up()
    dead_letter(stream="user-1")
    known_user()
    Pause.objects.create(subscription="snapshots", actor="x", paused_at=NOON)
    raw.keep([Received(source="crm", kind=raw.WEBHOOK, body=b"")])
    wrong = {"projection": "history", "user_id": uuid4(), "fields": ["v1 name"]}
    Drift.objects.create(found_at=NOON, **wrong)
    DriftCheck.objects.update(checked_at=timezone.now() + timedelta(seconds=1))
    response = asked(Scope.METRICS_READ).get("/metrics")
    assert response["Content-Type"].startswith("text/plain")
    lines = response.content.decode().splitlines()
    assert "# TYPE annals_subscription_lag_events gauge" in lines
    for line in (
        "annals_log_watermark 2",
        "annals_effects_pending 1",
        "annals_records_due 1",
        "annals_records_stuck 0",
        'annals_subscription_position{subscription="directory"} 1',
        'annals_subscription_lag_events{subscription="directory"} 1',
        'annals_subscription_dead_letters{subscription="directory"} 1',
        'annals_subscription_stalled{subscription="directory"} 0',
        'annals_subscription_paused{subscription="snapshots"} 1',
        'annals_subscription_failing{subscription="directory"} 0',
        'annals_subscription_bucket_lag_events{subscription="directory",bucket="0"} 1',
        'annals_drift_users{subscription="directory"} 0',
        'annals_drift_users{subscription="history"} 1',
        "# TYPE annals_drift_check_age_seconds gauge",
    ):
        assert line in lines


def test_lag_is_the_age_of_what_waits_longest() -> None:
    assert directory().lag_seconds == 0
    known_user()
    known_user()
    waited = (
        timezone.now()
        - store.read_all(after=0, until=9, buckets=range(16), limit=1)[0][1].recorded_at
    )
    assert directory().lag_seconds >= waited.total_seconds()
    catch_up()
    assert directory().lag_seconds == 0


def test_is_stalled_when_behind_and_no_worker_looked_for_25_seconds() -> None:
    assert not directory().is_stalled
    catch_up()
    known_user()
    assert not directory().is_stalled
    Heartbeat.objects.update(beaten_at=timezone.now() - timedelta(seconds=26))
    assert directory().is_stalled
    for url in ("/admin/eventstore/subscription/", "/admin/"):
        said = text(superuser().get(url), "subscriptions")
        assert " directory projection Stalled no worker since " in (said or "")
    Pause.objects.create(subscription="directory", actor="x", paused_at=NOON)
    assert not directory().is_stalled


def test_a_worker_that_finds_nothing_beats_all_the_same_but_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeats, "BEAT_SECONDS", 3_600)
    Heartbeat.objects.create(subscription="directory", beaten_at=NOON)
    subscriptions.catch_up(subscriptions.find("directory"))
    first = directory().beaten_at
    assert first
    assert timezone.now() - first < timedelta(seconds=10)
    subscriptions.catch_up(subscriptions.find("directory"))
    assert directory().beaten_at == first


def test_each_bucket_tells_how_far_it_is_behind() -> None:
    catch_up()
    known_user()
    known_user()
    Checkpoint.objects.filter(subscription="directory").exclude(bucket=3).update(
        position=2
    )
    Checkpoint.objects.exclude(subscription="directory").update(position=2)
    Checkpoint.objects.filter(bucket=3, position=0).update(error="ValueError at x.py:1")
    found = liveness.bucket_lags(store.watermark())
    assert len(found) == len(subscriptions.all_subscriptions()) * 16
    (late,) = [each for each in found if each.behind]
    assert (late.subscription, late.bucket, late.behind) == ("directory", 3, 2)
    assert late.lag_seconds > 0
    assert {each.lag_seconds for each in found if not each.behind} == {0.0}
    said = text(superuser().get("/admin/eventstore/subscription/"), "buckets") or ""
    assert " directory 3 2 " in said
    assert said.endswith(" ValueError at x.py:1")
