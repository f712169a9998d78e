"""The write side as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """People: commands, rules, events."""

    name = "users"
    verbose_name = "Users"
