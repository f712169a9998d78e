"""How DRF and drf-spectacular are set up; the same in every installation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from users.values import SETTABLE_STATUSES, Status

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.api.authentication.ApiTokenAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["users.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["users.api.throttling.OpenPageThrottle"],
    "DEFAULT_PARSER_CLASSES": ["users.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["users.api.bodies.OrjsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # Accept says it; ?format= is no parameter of ours
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Annals",
    "DESCRIPTION": "Commands answer 202 as soon as the event is durable; queries read "
    "models that follow within milliseconds (`?min_version=` waits for them).",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "PATH_CONVERTER_OVERRIDES": {"id": UUID},
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "eventstore.intake.openapi.describe_door",
        "users.api.schema.describe_rules",
    ],
    "ENUM_NAME_OVERRIDES": {
        "Status": [status.value for status in Status],
        "SettableStatus": [status.value for status in SETTABLE_STATUSES],
        "CommandStatus": "users.api.fate.STATUSES",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
