"""The installation that is struck: all it runs on is its own, and may be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection, connections
from django.test import override_settings

from config.embedded import guardian
from eventstore import checkpoints, effects
from eventstore.models import StoredEvent
from eventstore.webhooks.models import WebhookDelivery
from tests import databases
from tests.config.conftest import open_folder
from tests.factories import api_token
from tests.faults.rabbitmq import RabbitMQ
from tests.journeys.cast import PYTHON, Cast
from tests.mailboxes import MailServer, mail_server
from tests.processes import wait_until
from tests.receivers import Receiver, receiver
from tests.webhooks import add

LOOPBACK = "127.0.0.0/8"
PATIENCE = 120  # seconds, on a busy machine


class Installation(Cast):
    """PostgreSQL, a broker, web, feed, two workers and beat; and who is told of it."""

    def __init__(self, folder: Path, mails: MailServer, hooks: Receiver) -> None:
        super().__init__(folder)
        self.mails, self.hooks = mails, hooks
        self.trap = folder / "trap"
        self.data = folder / "database" / "pgdata"
        self.clocks: dict[str, str] = {}  # process -> how far its clock is off
        self.rabbit: RabbitMQ | None = None
        self.application = "tests.faults.failpoint"
        self.settings = {
            "ANALYTICS_URL": "",
            "WEBHOOK_ALLOW_HTTP": "true",
            "WEBHOOK_ALLOWED_NETWORKS": LOOPBACK,
            "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "API_WRITES_A_MINUTE": "0",
            "FAILPOINT": str(self.trap),
        }
        self._starts: dict[str, Callable[[], None]] = {
            "broker": self.start_broker,
            "worker": self.start_worker,
            "second": lambda: self.start_worker("second", pool="prefork"),
            "beat": self.start_beat,
            "web": self.start_web,
            "feed": self.start_feed,
        }

    def start_database(self) -> None:
        self.data.parent.mkdir()
        self.data.parent.chmod(0o755)
        script = [PYTHON, "-m", "tests.faults.database", str(self.data.parent)]
        self._start("database", script)
        wait_until((self.data.parent / "ready").exists, PATIENCE)

    def start_broker(self) -> None:
        if self.rabbit is None:
            super().start_broker()
            return
        self._start("broker", self.rabbit.command())
        wait_until(self.rabbit.is_ready, PATIENCE)

    def start(self, *names: str) -> None:
        for name in names or self._starts:
            self._starts[name]()

    def restart(self, *names: str) -> None:
        """kill -9 these, and start them again."""
        for name in names:
            self.kill(name)
        self.start(*names)

    def empty_broker(self) -> None:
        """Remove all that the broker kept; it must not run."""
        for name in ("broker", "rabbitmq"):
            shutil.rmtree(self.broker_folder / name, ignore_errors=True)

    def use_rabbitmq(self) -> None:
        """Go over to another broker, as whoever changes the setting and restarts."""
        everything = [name for name in self._starts if name != "feed"]
        for name in everything:
            self.kill(name)
        self.rabbit = RabbitMQ(self.broker_folder / "rabbitmq")
        self.settings["CELERY_BROKER_URL"] = self.rabbit.url
        self.start(*everything)

    def supervise(self) -> None:
        """Do the supervisor's part: what gave up or died is started again."""
        for name in self._starts:
            if self.has(name) and not self.is_running(name):
                self.start(name)

    def kill_all_but_the_database(self) -> None:
        for name in self._starts:
            if self.has(name):
                self.kill(name)

    def signal_database(self, number: signal.Signals) -> None:
        """Tell the server to stop; the guardian starts it again."""
        pid = guardian.running_pid(self.data)
        assert pid
        os.kill(pid, number)
        wait_until(lambda: guardian.running_pid(self.data) not in (None, pid), PATIENCE)
        wait_until(lambda: guardian.is_ready(self.data), PATIENCE)

    def wait_for_worker(self, name: str, *, after: int) -> None:
        """Wait until a worker says in its log, after so many letters, that it works."""
        wait_until(lambda: " ready." in self.log(name)[after:], PATIENCE)

    def is_at(self, position: int) -> bool:
        """Say whether every subscription has applied everything up to there."""
        self.supervise()
        try:
            reached = checkpoints.reached()
        except (DatabaseError, InterfaceError):
            connection.close()
            return False
        return all(each.position >= position for each in reached.values())

    def is_settled(self) -> bool:
        """Say whether nothing is left to be done."""
        if not self.is_at(head()):
            return False
        waiting = WebhookDelivery.objects.filter(state="pending")
        return effects.owed().pending == 0 and not waiting.exists()

    def _start(self, name: str, command: Sequence[str]) -> None:
        clock = self.clocks.get(name)
        super()._start(name, ["faketime", "-f", clock, *command] if clock else command)


def head() -> int:
    """Return the position of the last event."""
    last = StoredEvent.objects.order_by("-position").values_list("pk", flat=True)
    return last.first() or 0


@contextlib.contextmanager
def installed() -> Iterator[Installation]:
    """Set an installation up on a PostgreSQL of its own, and start everything."""
    before = connection.settings_dict["HOST"]
    with open_folder() as folder, mail_server() as mails, receiver() as hooks:
        crew = Installation(folder, mails, hooks)
        try:
            crew.start_database()
            connections.close_all()
            connection.settings_dict["HOST"] = guardian.pidfile(crew.data)[4]
            with databases.cloned():
                crew.token = api_token("journey")
                with override_settings(
                    WEBHOOK_ALLOW_HTTP=True, WEBHOOK_ALLOWED_NETWORKS=[LOOPBACK]
                ):
                    add("receiver", hooks.url, types=["UserCreated"])
                crew.start()
                try:
                    yield crew
                finally:
                    crew.kill_all_but_the_database()
        finally:
            connection.settings_dict["HOST"] = before
            crew.stop()
            if crew.rabbit is not None:
                crew.rabbit.stop_name_server()
