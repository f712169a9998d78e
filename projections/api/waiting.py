"""Requests that wait hold a thread of the web each, so few may at a time."""

from __future__ import annotations

import threading

from django.conf import settings

LOOK_SECONDS = 0.25  # between two looks at the end of the log

places = threading.BoundedSemaphore(settings.WAITING_REQUESTS)
