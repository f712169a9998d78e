"""The ASGI entry point: the feed of events, and nothing else."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.feed.app import Feed  # noqa: E402 - Django must be set up

application = Feed()
