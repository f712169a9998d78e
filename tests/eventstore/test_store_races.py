from __future__ import annotations

import threading

from django.db import connection, transaction

from eventstore import store
from eventstore.errors import ConcurrencyError
from tests.factories import appended, renamed
from tests.processes import somebody_waits_for_a_lock, wait_until


def test_one_of_two_racing_writers_gets_the_version_the_other_left(
    committed_db: str,
    superuser: None,
) -> None:
    del committed_db, superuser  # only a superuser sees what other sessions wait for
    appended("user-1")
    errors: list[ConcurrencyError] = []
    loser_waits = threading.Event()

    def lose() -> None:
        try:
            loser_waits.set()
            appended("user-1", renamed(new="Loser"), expected_version=1)
        except ConcurrencyError as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=lose)
    with transaction.atomic():
        appended("user-1", renamed(new="Winner"), expected_version=1)
        thread.start()
        loser_waits.wait()
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert [(error.expected, error.actual) for error in errors] == [(1, 2)]
    assert store.read_stream("user-1")[1].payload == renamed(new="Winner")
