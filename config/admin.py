"""The back office: Django's admin with our pages before its own."""

from __future__ import annotations

from django.contrib.admin import AdminSite


class BackOfficeSite(AdminSite):
    """One site for our pages and for those of third-party apps."""

    site_title = site_header = "Annals"
