"""A real SMTP server on the loopback, which takes mail or refuses it as told."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP


@dataclass(kw_only=True)
class MailServer:
    """Keeps what it took; answers RCPT and the end of DATA as set (heard at once)."""

    port: int = 0
    rcpt: str = "250 fine"
    taken: str = "250 fine"
    mails: list[EmailMessage] = field(default_factory=list)


class Talk(socketserver.StreamRequestHandler):
    known: MailServer

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # its client was killed
            self.talk()

    def talk(self) -> None:
        self.say("220 here")
        for line in self.rfile:
            match line[:4].upper():
                case b"RCPT":
                    self.say(self.known.rcpt)
                case b"DATA":
                    self.say("354 go on")
                    self.take()
                case b"QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 fine")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def take(self) -> None:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        if self.known.taken.startswith("250"):
            mail = message_from_bytes(b"".join(lines), policy=SMTP)
            self.known.mails.append(mail)
        self.say(self.known.taken)


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """Serve until the block ends."""
    known = MailServer()
    handler = type("OneTalk", (Talk,), {"known": known})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        known.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()
