"""A read model that is paused, or only behind, is called neither right nor wrong."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings

from eventstore import pauses
from eventstore.circumstances import acting
from projections.models import DirectoryEntry
from tests.backoffice import (
    USERS,
    catch_up,
    staff,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, known_user, metadata
from users import services
from users.commands import ChangeName

pytestmark = pytest.mark.usefixtures("committed_db")


def test_what_a_paused_read_model_does_not_know_is_not_called_right(
    settings: Settings,
) -> None:
    settings.LAG_WARN_SECONDS = -1
    known_user(ADA)
    catch_up()
    with acting(actor="staff:lea", source="admin", correlation_id=uuid4()):
        pauses.pause("directory", reason="OPS-412")
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    client = superuser()
    said = "Paused directory is paused by staff:lea: OPS-412."
    reprocess = f"{user_url(ADA, 'reprocess/')}"
    for url in (user_url(ADA), USERS, reprocess):
        assert (text(client.get(url), "paused") or "").startswith(said), url
    page = client.get(reprocess).content.decode()
    assert "the row is right as far as it has come" in page
    assert "The read model is what the log leads to, as far as it has come." in page
    everybody = client.get("/admin/projections/reprocess/new/?scope=all")
    assert (text(everybody, "paused") or "").startswith(said)
    told = text(staff("projections.view_directoryentry").get(USERS), "paused") or ""
    assert told.startswith("Paused directory is paused. What happened since waits")


def test_who_was_passed_by_without_a_row_is_missing() -> None:
    known_user(ADA)
    catch_up()
    DirectoryEntry.objects.filter(user_id=ADA).delete()
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    page = superuser().get(user_url(ADA))
    assert (text(page, "missing") or "").startswith("Not in the read model")
    assert text(page, "behind") is None
