"""Settings of what leaves this installation: feed, webhooks, mail, traces."""

from __future__ import annotations

import environ

__all__ = [
    "ANALYTICS_URL",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_TIMEOUT",
    "FEED_LISTENERS",
    "FEED_STREAMS_PER_CLIENT",
    "FEED_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "WAITING_REQUESTS",
    "WEBHOOK_ALLOWED_NETWORKS",
    "WEBHOOK_ALLOW_HTTP",
    "WEBHOOK_DELIVERIES_DAYS",
    "WEBHOOK_PATIENCE_DAYS",
]

env = environ.Env()

# Where clients reach the feed, when the proxy in front does not send the path there.
FEED_URL: str = env.str("FEED_URL", default="")
FEED_LISTENERS: int = env.int("FEED_LISTENERS", default=1000)  # a process
FEED_STREAMS_PER_CLIENT: int = env.int("FEED_STREAMS_PER_CLIENT", default=20)
# Each holds a thread of the web: fewer than gunicorn's --threads.
WAITING_REQUESTS: int = env.int("WAITING_REQUESTS", default=2)  # a process

EMAIL_TIMEOUT: int = env.int("EMAIL_TIMEOUT", default=10)  # seconds
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="annals@localhost")
ANALYTICS_URL: str = env.str("ANALYTICS_URL", default="")  # empty: tells nobody
# A collector of traces, without /v1/traces; empty: nothing is traced.
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
WEBHOOK_ALLOW_HTTP: bool = env.bool("WEBHOOK_ALLOW_HTTP", default=False)
WEBHOOK_ALLOWED_NETWORKS: list[str] = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])
WEBHOOK_DELIVERIES_DAYS: int = env.int("WEBHOOK_DELIVERIES_DAYS", default=30)
WEBHOOK_PATIENCE_DAYS: int = env.int("WEBHOOK_PATIENCE_DAYS", default=5)
