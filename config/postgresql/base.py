"""The backend: see :class:`DatabaseWrapper`."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the server whether it is alive only when its socket has something to say.

    Django asks before each request, and the question is a tenth of a command.  A server
    that ended or was restarted has closed its end, which the socket knows by itself.
    """

    def is_usable(self) -> bool:
        """Return whether the connection works, as far as this machine knows."""
        if self.connection is None or self.connection.closed:
            return False
        silent = select.poll()
        silent.register(self.connection.fileno(), select.POLLIN)
        return not silent.poll(0) or bool(super().is_usable())
