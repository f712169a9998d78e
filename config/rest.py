"""The REST interface's settings; read by config/settings.py."""

from __future__ import annotations

from typing import Any

import environ

env = environ.Env()

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.api.authentication.ApiTokenAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["users.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["users.api.throttling.ClientThrottle"],
    "DEFAULT_PARSER_CLASSES": ["users.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["users.api.bodies.OrjsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
# Requests a minute; 0 is no limit.
API_READS_A_MINUTE: int = env.int("API_READS_A_MINUTE", default=6000)
API_WRITES_A_MINUTE: int = env.int("API_WRITES_A_MINUTE", default=3000)
API_STRANGERS_A_MINUTE: int = env.int("API_STRANGERS_A_MINUTE", default=60)

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Annals",
    "DESCRIPTION": "Commands answer 202 as soon as the event is durable; queries read "
    "models that follow within milliseconds (`?min_version=` waits for them).",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "users.api.schema.describe_limits",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
