from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from eventstore import browser
from eventstore.browser import EventFilter
from tests.factories import appended


@pytest.mark.usefixtures("committed_db")
def test_a_page_shows_nothing_above_an_append_that_is_still_open() -> None:
    first = appended("user-1").position
    drawn, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            appended("user-2")
            drawn.set()
            release.wait()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    drawn.wait()
    appended("user-3")
    meanwhile = browser.page(EventFilter())
    release.set()
    thread.join()
    afterwards = browser.page(EventFilter())
    assert [event.position for event in meanwhile.events] == [first]
    assert [event.stream for event in afterwards.events] == [
        "user-3",
        "user-2",
        "user-1",
    ]
