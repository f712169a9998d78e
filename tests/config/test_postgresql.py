from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import (
    OperationalError,
    close_old_connections,
    connection,
    connections,
)
from django.test.utils import CaptureQueriesContext

from config.postgresql.base import DatabaseWrapper
from eventstore import store

pytestmark = pytest.mark.usefixtures("committed_db")


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


def terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.close()


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    connection.close()


def test_this_backend_is_in_use() -> None:
    backend()
    assert isinstance(connections["default"], DatabaseWrapper)


def test_a_living_server_is_asked_nothing() -> None:
    pid = backend()
    close_old_connections()
    with CaptureQueriesContext(connection) as asked:
        assert backend() == pid
    assert len(asked) == 1
    assert connection.is_usable()


def test_a_server_that_hung_up_costs_no_request() -> None:
    pid = backend()
    killer = threading.Thread(target=terminate, args=[pid])
    killer.start()
    killer.join()
    close_old_connections()
    assert backend() != pid


@pytest.mark.parametrize("ask", [backend, store.watermark])
def test_a_server_that_hangs_up_in_the_middle_costs_no_later_request(
    ask: Callable[[], int],
) -> None:
    killer = threading.Thread(target=terminate, args=[backend()])
    killer.start()
    killer.join()
    with pytest.raises(OperationalError):
        ask()
    close_old_connections()
    pid = backend()
    close_old_connections()
    assert backend() == pid
