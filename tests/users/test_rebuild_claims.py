from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError

from eventstore import roles
from eventstore.archive.exporting import export_events
from eventstore.archive.importing import import_events
from eventstore.errors import UnreadableEventError
from eventstore.models import Effect
from eventstore.tasks import catch_up
from tests.databases import acting_as, cloned, restore_vault, vault
from tests.factories import ADA, appended, known_user, metadata, user_created
from users import claims, services
from users.aggregate import USER
from users.claims import Rebuilt
from users.commands import ChangeEmail
from users.errors import EmailTakenError
from users.models import Claim

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

AGREED = Rebuilt(taken=0, released=0, conflicts=())


def exported() -> list[bytes]:
    output = io.BytesIO()
    export_events(output)
    return output.getvalue().splitlines(keepends=True)


def test_claims_that_agree_with_the_log_stay() -> None:
    known_user(ADA, email="ada@example.com")
    services.execute(ChangeEmail(user_id=ADA, email="new@example.com"), metadata())
    before = list(Claim.objects.values())
    assert claims.rebuild() == AGREED
    assert list(Claim.objects.values()) == before


def test_an_imported_user_holds_the_address_once_claims_are_rebuilt() -> None:
    known_user(ADA, email="ada@example.com")
    services.execute(ChangeEmail(user_id=ADA, email="new@example.com"), metadata())
    lines, keys = exported(), vault()
    with cloned(), acting_as(roles.OWNER):
        import_events(lines)
        with pytest.raises(UnreadableEventError, match="restore the vault"):
            claims.rebuild()
        restore_vault(keys)
        assert claims.holder("new@example.com") is None
        with pytest.raises(CommandError, match="claims and log disagree") as caught:
            call_command("rebuild_claims", check=True)
        assert caught.value.returncode == 1
        assert Claim.objects.count() == 0
        assert claims.rebuild() == Rebuilt(taken=1, released=0, conflicts=())
        assert claims.rebuild() == AGREED
        assert claims.holder("new@example.com") == USER.stream(ADA)
        with pytest.raises(EmailTakenError):
            known_user(email="New@example.com")
        known_user(email="ada@example.com")
        call_command("rebuild_claims", check=True)


def test_releases_what_no_event_implies() -> None:
    digest = claims.digest("ghost@example.com")
    Claim.objects.create(namespace="email", digest=digest, stream="user-ghost")
    Claim.objects.create(namespace="other", digest=digest, stream="user-ghost")
    assert claims.rebuild() == Rebuilt(taken=0, released=1, conflicts=())
    assert [claim.namespace for claim in Claim.objects.all()] == ["other"]


def test_names_who_shares_an_address_and_leaves_it_with_its_holder() -> None:
    first = f"user-{uuid4()}"
    appended(first, user_created(email="ada@example.com"))
    holder = USER.stream(known_user(email="ada@example.com"))
    appended("other-1", user_created(email="ada@example.com"))
    rebuilt = Rebuilt(taken=0, released=0, conflicts=(first,))
    assert claims.rebuild() == rebuilt
    assert claims.holder("ada@example.com") == holder
    with pytest.raises(CommandError, match=f"another one holds: {first}"):
        call_command("rebuild_claims")


def test_gives_a_shared_address_to_whoever_came_first() -> None:
    names = [f"user-{uuid4()}" for _ in range(3)]
    for name in names:
        appended(name, user_created(email="ada@example.com"))
    shared = tuple(sorted(names[1:]))
    assert claims.rebuild() == Rebuilt(taken=1, released=0, conflicts=shared)
    assert claims.holder("ada@example.com") == names[0]


def test_nobody_is_welcomed_because_of_an_import() -> None:
    known_user(email="ada@example.com")
    lines, keys = exported(), vault()
    with cloned(), acting_as(roles.OWNER):
        restore_vault(keys)
        import_events(lines)
        new = known_user(email="new@example.com")
        catch_up("welcome_email")
        assert [sent.to for sent in mail.outbox] == [["new@example.com"]]
        assert Effect.objects.get().stream == USER.stream(new)
