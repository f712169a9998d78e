#!/usr/bin/env python
"""Django's command line; starts the embedded services when none are named."""

from __future__ import annotations

import os
import sys

from config.embedded.environment import prepare


def main() -> None:
    """Run one management command."""
    prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
