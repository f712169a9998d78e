"""Settings of what watches the whole: when the back office turns amber, and red."""

from __future__ import annotations

import environ

__all__ = ["DRIFT_USERS", "LAG_BAD_SECONDS", "LAG_WARN_SECONDS"]

env = environ.Env()

# Age of the oldest event that a subscription has not come to.
LAG_WARN_SECONDS: int = env.int("LAG_WARN_SECONDS", default=5)
LAG_BAD_SECONDS: int = env.int("LAG_BAD_SECONDS", default=60)
DRIFT_USERS: int = env.int("DRIFT_USERS", default=500)  # looked at a minute; 0: none
