from __future__ import annotations

from io import StringIO
from uuid import UUID

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from eventstore import rebuilds
from eventstore.errors import SwitchRefusedError
from eventstore.models import DeadLetter
from projections.models import DirectoryEntry
from tests.backoffice import catch_up, superuser, text
from tests.factories import known_user
from tests.rebuilds import built, done, found, operator, rename

__all__ = ["operator"]
pytestmark = pytest.mark.usefixtures("committed_db", "superuser", "operator")
PAGE = "/admin/eventstore/subscription/directory/rebuild/"
REFUSED = (
    "directory was not switched: 1 stream could not be applied to the new tables;"
    " see to the dead letter, or switch with it."
)


def refuse(user_id: UUID, schema: str = "rebuild_next") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE {schema}.projections_directoryentry"
            f" ADD CONSTRAINT bad CHECK (user_id <> '{user_id}') NOT VALID"
        )


def ready_with_a_letter() -> UUID:
    bad = known_user()
    known_user()
    catch_up()
    rebuilds.start("directory", reason="OPS-1")
    refuse(bad)
    done()
    assert open_letters() == ["directory~rebuild_next"]
    return bad


def open_letters() -> list[str]:
    letters = DeadLetter.objects.filter(closed_at=None)
    return list(letters.values_list("subscription", flat=True))


def served(user_id: UUID) -> bool:
    return DirectoryEntry.objects.filter(user_id=user_id).exists()


def test_letters_of_the_copy_are_asked_about_and_move_with_it() -> None:
    bad = ready_with_a_letter()
    with pytest.raises(SwitchRefusedError, match="1 stream could not be applied"):
        rebuilds.switch("directory")
    assert (found().state, open_letters()) == ("ready", ["directory~rebuild_next"])
    rebuilds.switch("directory", with_letters=True)
    assert (open_letters(), served(bad)) == (["directory"], False)
    rebuilds.switch_back("directory")
    assert (open_letters(), served(bad)) == (["directory~rebuild_kept"], True)


def test_several_letters_are_counted() -> None:
    for _ in range(2):
        known_user()
    catch_up()
    rebuilds.start("directory", reason="OPS-1")
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE rebuild_next.projections_directoryentry"
            " ADD CONSTRAINT bad CHECK (name = '') NOT VALID"
        )
    done()
    with pytest.raises(SwitchRefusedError, match=r"2 streams .* switch with them"):
        rebuilds.switch("directory")


def test_to_switch_once_more_asks_about_the_letters_that_went_back() -> None:
    bad = ready_with_a_letter()
    rebuilds.switch("directory", with_letters=True)
    rebuilds.switch_back("directory")
    with pytest.raises(SwitchRefusedError, match="1 stream could not be applied"):
        rebuilds.switch("directory")
    assert (found().state, served(bad)) == ("switched back", True)
    rebuilds.switch("directory", with_letters=True)
    assert (open_letters(), served(bad)) == (["directory"], False)


def test_the_way_back_is_open_whatever_could_not_be_applied_to_the_kept() -> None:
    ada = known_user()
    catch_up()
    built()
    rebuilds.switch("directory")
    refuse(ada, "rebuild_kept")
    rename(ada, "Ada King")
    done()
    assert open_letters() == ["directory~rebuild_kept"]
    rebuilds.switch_back("directory")
    assert (found().state, open_letters()) == ("switched back", ["directory"])
    assert DirectoryEntry.objects.get().name == "Ada Byron"


def test_the_page_switches_with_letters_only_where_the_box_is_ticked() -> None:
    bad = ready_with_a_letter()
    client = superuser()
    assert 'data-testid="with-letters"' in client.get(PAGE).content.decode()
    answer = client.post(f"{PAGE}switch/", {"reason": "OPS-2"}, follow=True)
    assert [str(m) for m in answer.context["messages"]] == [REFUSED]
    assert (text(answer, "letters"), served(bad)) == (
        "1 stream could not be applied",
        True,
    )
    client.post(f"{PAGE}switch/", {"reason": "OPS-2", "with_letters": "on"})
    assert (found().state, served(bad)) == ("switched", False)
    assert 'data-testid="with-letters"' not in client.get(PAGE).content.decode()
    client.post(f"{PAGE}switch-back/", {"reason": "OPS-3"})
    assert 'data-testid="with-letters"' in client.get(PAGE).content.decode()


def test_the_box_is_there_where_the_switch_itself_would_make_the_letter() -> None:
    ada = known_user()
    catch_up()
    rebuilds.start("directory", reason="OPS-1")
    client = superuser()
    assert 'data-testid="with-letters"' not in client.get(PAGE).content.decode()
    done()
    refuse(ada)
    rename(ada, "Ada King")  # the copy has yet to come to it
    answer = client.post(f"{PAGE}switch/", {"reason": "OPS-2"}, follow=True)
    assert [str(m) for m in answer.context["messages"]] == [REFUSED]
    assert (found().state, open_letters()) == ("ready", [])
    assert 'data-testid="with-letters"' in answer.content.decode()
    client.post(f"{PAGE}switch/", {"reason": "OPS-2", "with_letters": "on"})
    assert (found().state, open_letters()) == ("switched", ["directory"])


def test_the_command_line_switches_with_letters_where_it_is_told_to() -> None:
    bad = ready_with_a_letter()
    with pytest.raises(CommandError, match="1 stream could not be applied") as error:
        call_command("subscriptions", "switch", "directory")
    assert (error.value.returncode, served(bad)) == (1, True)
    said = StringIO()
    words = ("switch", "directory", "--with-letters", "--json")
    call_command("subscriptions", *words, stdout=said)
    assert orjson.loads(said.getvalue()) == {"switched": "directory"}
    assert (open_letters(), served(bad)) == (["directory"], False)
