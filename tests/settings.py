"""How the suite differs from an installation; starts its own PostgreSQL on demand."""

from __future__ import annotations

import os

from config.embedded.environment import prepare, services

os.environ["CELERY_BROKER_URL"] = "memory://"
os.environ["EMAIL_URL"] = "memorymail://"
os.environ["ENVIRONMENT_NAME"] = "Tests"
os.environ["SECRET_KEY"] = "a secret of the tests"
os.environ["CLAIM_KEY"] = "a claim key of the tests"
os.environ["SECURE_SSL_REDIRECT"] = "false"
os.environ["STAFF_SECOND_FACTOR"] = "false"
prepare()

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STATIC_ROOT, STORAGES  # noqa: E402

# The developer's own data lies in the same server, so only our sessions are reckless.
# Every session acts as the application's role, which cannot change the log; the fixture
# `superuser` is the one way out of it (ADR-0021).
DATABASES["default"].setdefault("OPTIONS", {})["options"] = (
    "-c synchronous_commit=off -c role=annals_app"
)
if services().database:
    DATABASES["default"]["USER"] = "postgres"
MIGRATE_DATABASE_URL = ""
DATABASES["default"]["CONN_MAX_AGE"] = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns where there is none
WHITENOISE_AUTOREFRESH = True  # else it reads them all for each client of a test
