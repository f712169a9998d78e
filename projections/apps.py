"""The read side as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class ProjectionsConfig(AppConfig):
    """Read models and the pages over them."""

    name = "projections"
    verbose_name = "Projections"
