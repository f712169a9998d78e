"""The ASGI entry point: the feed of events, and nothing else."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.deadlines import bound_the_database  # noqa: E402 - Django must be set up
from config.feed.app import Feed  # noqa: E402 - Django must be set up

bound_the_database()
application = Feed()
