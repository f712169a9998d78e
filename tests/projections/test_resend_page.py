from __future__ import annotations

import pytest
from django.core import mail

from eventstore import store
from eventstore.models import Effect
from eventstore.tasks import catch_up
from tests.backoffice import regions, staff, superuser, text, user_url
from tests.eventstore.test_resends import erase, failed, welcomed
from tests.factories import ADA, known_user

pytestmark = pytest.mark.usefixtures("committed_db")
SEE = "projections.view_directoryentry"
RESEND = "eventstore.change_effect"


def url(effect: Effect) -> str:
    return user_url(ADA, f"effects/{effect.pk}/resend/")


def test_a_failed_effect_says_why_and_offers_to_send_it_once_more() -> None:
    effect = failed()
    page = superuser().get(f"{user_url(ADA)}?tab=effects")
    said = text(page, "effects") or ""
    assert " welcome_email Failed version 1 1 " in said
    assert said.endswith("The mail server answered 550. Resend…")
    form = superuser().get(url(effect))
    card = text(form, "resend-card") or ""
    assert "It was given up; it is tried again from the beginning." in card
    assert Effect.objects.count() == 1  # looking orders nothing


def test_it_is_sent_after_a_post_with_a_reason_and_only_then() -> None:
    effect = welcomed()
    client = superuser()
    refused = client.post(url(effect), {"reason": "  "})
    assert (refused.status_code, Effect.objects.count()) == (422, 1)
    assert "gets it a second time" in (text(refused, "resend-card") or "")
    done = client.post(url(effect), {"reason": "OPS-412"}, follow=True)
    assert done.redirect_chain == [(f"{user_url(ADA)}?tab=effects", 303)]
    assert b"Ordered. It is sent once more." in done.content
    assert "welcome_email (resend 1) Pending" in (text(done, "effects") or "")
    catch_up("welcome_email")
    assert len(mail.outbox) == 2
    (event,) = store.read_stream("subscription-welcome_email")
    assert (event.actor, event.payload.reason) == ("staff:root", "OPS-412")


def test_a_second_post_sends_nothing() -> None:
    effect = welcomed()
    client = superuser()
    client.post(url(effect), {"reason": "OPS-412"})
    again = client.post(url(effect), {"reason": "OPS-412"})
    assert (again.status_code, Effect.objects.count()) == (409, 2)


def test_an_erased_person_cannot_be_sent_anything() -> None:
    effect = welcomed()
    erase()
    client = superuser()
    page = client.get(f"{user_url(ADA)}?tab=effects")
    assert regions(page, "resend") == []
    for answer in (client.get(url(effect)), client.post(url(effect), {"reason": "x"})):
        assert answer.status_code == 409
        assert b"This person was erased; nothing is sent any more." in answer.content
    assert Effect.objects.count() == 1


def test_the_effect_must_be_one_of_this_user() -> None:
    effect = welcomed()
    other = known_user()
    address = user_url(other, f"effects/{effect.pk}/resend/")
    assert superuser().post(address, {"reason": "x"}).status_code == 404
    assert superuser().get(user_url(ADA, "effects/999/resend/")).status_code == 404
    assert Effect.objects.count() == 1


def test_needs_the_permission_and_a_post() -> None:
    effect = welcomed()
    seer = staff(SEE)
    page = seer.get(f"{user_url(ADA)}?tab=effects")
    assert regions(page, "resend") == []
    assert seer.post(url(effect), {"reason": "x"}).status_code == 403
    assert staff(RESEND).get(url(effect)).status_code == 200
    assert superuser().delete(url(effect)).status_code == 405
    assert Effect.objects.count() == 1
