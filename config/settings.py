"""One settings file; every difference between installations is an environment variable.

``./run`` fills the environment for a laptop (config/embedded/); a real installation
names its own services.  docs/reference/settings.md lists the variables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import django_stubs_ext
import environ
from csp.constants import NONE, SELF

from config.incoming import *  # noqa: F403 - settings of what comes in
from config.languages import *  # noqa: F403 - settings of what staff read
from config.logging import to_console
from config.outgoing import *  # noqa: F403 - settings of what leaves the installation
from config.rest import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401 - for Django
from config.salesforce import *  # noqa: F403 - settings of the org people come from
from config.staff import *  # noqa: F403 - settings of how staff log in
from config.watching import *  # noqa: F403 - settings of what watches the whole

django_stubs_ext.monkeypatch()
env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Django -----------------------------------------------------------------------
SECRET_KEY: str = env.str("SECRET_KEY")
DEBUG: bool = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "config.apps.BackOfficeConfig",  # the admin, with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_celery_beat",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "config.apps.WiringConfig",
    "eventstore",
    "users",
    "projections",
]
MIDDLEWARE = [
    # First what every answer carries, those of the middleware below included.
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.CorrelationMiddleware",
    "config.middleware.NoStoreMiddleware",
    "config.middleware.LanguageMiddleware",
    "config.middleware.SlowMiddleware",
    "config.middleware.LengthMiddleware",
    "config.middleware.QuotaMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.sessions.SessionLifetimeMiddleware",
    "config.middleware.StaffMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.failures.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT: bool = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # a load balancer asks in clear
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
# No other host of the domain, and nothing in clear, can set a cookie of this name.
SESSION_COOKIE_NAME = "__Host-session" if SECURE_SSL_REDIRECT else "sessionid"
SECURE_HSTS_SECONDS: int = env.int(
    "SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_SSL_REDIRECT else 0
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
SECURE_HSTS_PRELOAD: bool = env.bool("SECURE_HSTS_PRELOAD", default=False)
# Hard to take back, so nobody is talked into preloading.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144  # bytes
# How many proxies of ours a request comes through: each adds to X-Forwarded-For.
TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", default=0)
# Requests a minute of one client, or of one address without a token; 0 is no limit.
API_READS_A_MINUTE: int = env.int("API_READS_A_MINUTE", default=6000)
API_WRITES_A_MINUTE: int = env.int("API_WRITES_A_MINUTE", default=3000)
API_COMMANDS_A_MINUTE: int = env.int("API_COMMANDS_A_MINUTE", default=100000)
API_STRANGERS_A_MINUTE: int = env.int("API_STRANGERS_A_MINUTE", default=60)

# --- Database: PostgreSQL >= 15 only (ADR-0001) -----------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])  # a socket's path
DATABASES["default"]["ENGINE"] = "config.postgresql"
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)  # seconds
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Planning an append anew costs as much as its insert: eventstore/wire.py.
DATABASE_PREPARES: bool = env.bool("DATABASE_PREPARES", default=True)
# How long a statement, and an idle transaction, of the web and the feed may take.
DATABASE_STATEMENT_SECONDS: int = env.int("DATABASE_STATEMENT_SECONDS", default=15)
DATABASE_READ_SECONDS: int = env.int("DATABASE_READ_SECONDS", default=3)
DATABASE_IDLE_SECONDS: int = env.int("DATABASE_IDLE_SECONDS", default=60)
# Heard by migrate and by nothing else (ADR-0021): no alias, so no code can use it.
MIGRATE_DATABASE_URL: str = env.str("MIGRATE_DATABASE_URL", default="")

# --- Celery: the broker carries hints, never facts (ADR-0005) ---------------------
CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1  # seconds
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        "visibility_timeout": 300,  # seconds
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 1,  # seconds
        "socket_timeout": 5,  # a broker that accepts and then says nothing
        "health_check_interval": 25,
    }
    if CELERY_BROKER_URL.startswith("redis")
    else {"confirm_publish": True}
)
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120  # seconds
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10  # seconds
CELERY_DB_REUSE_MAX = 500  # tasks a connection serves; Celery would open one each
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))

# --- Annals -----------------------------------------------------------------------
ENVIRONMENT_NAME: str = env.str("ENVIRONMENT_NAME", default="Production")
# Keys the hash of e-mail claims: a change forgets them all, so it is no SECRET_KEY.
CLAIM_KEY: str = env.str("CLAIM_KEY")
KEY_RING_FILE: str = env.str("KEY_RING_FILE", default="")  # the master keys (ADR-0009)
BATCH_TARGET_MS: int = env.int("BATCH_TARGET_MS", default=1000)
SNAPSHOT_EVERY: int = env.int("SNAPSHOT_EVERY", default=50)  # events of a stream
REBUILD_KEPT_HOURS: int = env.int("REBUILD_KEPT_HOURS", default=24)
# What the write side remembers of requests, and demands of them (ADR-0022, ADR-0023).
IDEMPOTENCY_HOURS: int = env.int("IDEMPOTENCY_HOURS", default=24)
REFUSED_COMMANDS_DAYS: int = env.int("REFUSED_COMMANDS_DAYS", default=30)
REQUIRE_IF_MATCH: bool = env.bool("REQUIRE_IF_MATCH", default=False)
EVENTSTORE_SUBSCRIPTIONS = "config.subscriptions.SUBSCRIPTIONS"

LOGGING = to_console(env.str("LOG_LEVEL", default="INFO"))
