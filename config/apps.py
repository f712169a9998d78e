"""The admin with our site, and config as an app so that it can carry commands."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    """Django's admin, served by our site."""

    default_site = "config.admin.BackOfficeSite"


class WiringConfig(AppConfig):
    """Gives config its management commands."""

    name = "config"
