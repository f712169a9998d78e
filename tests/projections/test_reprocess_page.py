from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.core import mail, signing

from eventstore import store
from eventstore.models import StoredEvent
from projections import directory, reprocess
from projections.events import ReadModelReprocessed
from projections.models import DirectoryEntry
from tests.backoffice import hidden, projected, regions, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeName

pytestmark = pytest.mark.django_db
URL = user_url(ADA, "reprocess/")


def broken(**changes: Any) -> None:
    """A user whose row says something that no event explains."""
    known_user(ADA)
    projected(ADA)
    DirectoryEntry.objects.update(**changes)


def audited() -> list[Any]:
    found = StoredEvent.objects.filter(type="ReadModelReprocessed")
    streams = found.values_list("stream", flat=True)
    return [event for stream in streams for event in store.read_stream(stream)]


def test_the_preview_shows_exactly_what_would_change_and_writes_nothing() -> None:
    broken(name="Broken")
    (event,) = store.read_stream(USER.stream(ADA))
    response = superuser().get(URL)
    assert text(response, "events-replayed") == "1"
    assert text(response, "fields-changed") == "1"
    assert text(response, "diff-name") == (
        f"name Broken Ada Byron #{event.position:,} UserCreated, client:tests"
    )
    assert "0 e-mails are switched off in replays" in response.content.decode().replace(
        '</dd><dd class="note ok">', " "
    )
    assert text(response, "submit") == "Reprocess this user"
    assert DirectoryEntry.objects.get().name == "Broken"
    assert audited() == []


def test_running_repairs_exactly_the_broken_field_and_is_audited() -> None:
    broken(name="Broken")
    before = DirectoryEntry.objects.values().get()
    client = superuser()
    form = {"token": hidden(client.get(URL), "token"), "reason": "OPS-412"}
    response = client.post(URL, form)
    assert response.status_code == 303
    assert response.headers["Location"] == f"{user_url(ADA)}?tab=state"
    assert DirectoryEntry.objects.values().get() == {
        **before,
        "name": "Ada Byron",
        "search_text": f"ada byron {before['email']}",
    }
    (event,) = audited()
    assert event.actor == "staff:root"
    assert event.payload == ReadModelReprocessed(
        projection="directory",
        subject=USER.stream(ADA),
        fields=["name"],
        reason="OPS-412",
    )
    assert mail.outbox == []
    page = client.get(f"{user_url(ADA)}?tab=state")
    assert "Reprocessed. Repaired: name." in page.content.decode()
    assert "Agrees" in (text(page, "state") or "")


@pytest.mark.parametrize("reason", ["", "   ", "a\u202eb"])
def test_a_reason_is_needed(reason: str) -> None:
    broken(name="Broken")
    client = superuser()
    form = {"token": hidden(client.get(URL), "token"), "reason": reason}
    response = client.post(URL, form)
    assert response.status_code == 422
    assert (text(response, "error-summary") or "").startswith("Not recorded Reason :")
    assert DirectoryEntry.objects.get().name == "Broken"
    assert audited() == []


def test_refuses_when_the_user_changed_since_the_preview_and_shows_it_anew() -> None:
    broken(name="Broken")
    client = superuser()
    token = hidden(client.get(URL), "token")
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    response = client.post(URL, {"token": token, "reason": "OPS-412"})
    assert response.status_code == 409
    assert (text(response, "stale") or "").startswith(
        "The user or the read model changed since the preview; look again."
    )
    assert "Ada Byron" in (text(response, "diff-name") or "")
    assert hidden(response, "reason") == "OPS-412"
    assert audited() == []
    fresh = {"token": hidden(response, "token"), "reason": "OPS-412"}
    assert client.post(URL, fresh).status_code == 303
    # As far as the projection has come; the newer name is not repair's to apply.
    assert DirectoryEntry.objects.get().name == "Ada Byron"


@pytest.mark.parametrize("token", ["forged", signing.dumps("x", salt="other")])
def test_refuses_a_token_that_is_not_of_a_preview(token: str) -> None:
    broken(name="Broken")
    response = superuser().post(URL, {"token": token, "reason": "OPS-412"})
    assert response.status_code == 409
    assert DirectoryEntry.objects.get().name == "Broken"


def test_a_token_of_one_user_is_worth_nothing_for_another() -> None:
    broken(name="Broken")
    other = known_user()
    client = superuser()
    token = reprocess.preview(other).token
    response = client.post(URL, {"token": token, "reason": "OPS-412"})
    assert response.status_code == 409


def test_nothing_to_change_has_no_button() -> None:
    broken()
    response = superuser().get(URL)
    assert (text(response, "nothing-to-do") or "").startswith("Nothing would change.")
    assert regions(response, "submit") == []


def test_a_row_that_is_only_behind_is_nothing_to_repair() -> None:
    known_user(ADA)
    assert text(superuser().get(URL), "fields-changed") == "0"


def test_removes_a_row_of_which_the_log_knows_nothing() -> None:
    ghost = uuid4()
    broken(user_id=ghost)
    client = superuser()
    url = user_url(ghost, "reprocess/")
    response = client.get(url)
    assert "the row would be deleted" in response.content.decode()
    client.post(url, {"token": hidden(response, "token"), "reason": "OPS-412"})
    assert DirectoryEntry.objects.count() == 0


def test_an_unknown_user_is_a_page_that_says_so() -> None:
    assert superuser().get(URL).status_code == 404


def test_a_user_whose_row_cannot_be_derived_is_told_so_and_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken(name="Broken")
    client = superuser()
    form = {"token": hidden(client.get(URL), "token"), "reason": "OPS-412"}

    def stumble(*_: object) -> None:
        raise KeyError("bug")  # noqa: EM101 - what a bug says

    monkeypatch.setattr(directory, "project", stumble)
    for answer in (client.get(URL), client.post(URL, form)):
        assert answer.status_code == 409
        said = answer.content.decode()
        assert "cannot be derived from the log: KeyError at " in said
        assert "Mend the projection&#x27;s code" in said
    assert DirectoryEntry.objects.get().name == "Broken"
    assert audited() == []
