"""What the OpenAPI schema has to be told about us."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from users.api.permissions import demanded


class ProblemFieldSerializer(serializers.Serializer[Any]):
    """One thing that is wrong with the input: with the body, or with the query."""

    pointer = serializers.CharField(
        required=False, help_text="Where in the body: a JSON pointer."
    )
    parameter = serializers.CharField(
        required=False, help_text="Which parameter of the address, or which header."
    )
    detail = serializers.CharField(read_only=True, help_text="What to do about it.")


class CommandProblemSerializer(serializers.Serializer[Any]):
    """Why one command of many was refused."""

    type = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    status = serializers.IntegerField(read_only=True)
    detail = serializers.CharField(required=False)
    errors = ProblemFieldSerializer(many=True, required=False)  # type: ignore[assignment]


class ProblemSerializer(CommandProblemSerializer):
    """RFC 9457 problem details."""

    instance = serializers.CharField(
        read_only=True, help_text="The correlation id of the request."
    )
    command_id = serializers.UUIDField(
        required=False, help_text="The command that was refused."
    )


ALWAYS = frozenset({401, 403, 429, 503})  # who may not, who must wait, and no database
LIMIT_HEADERS = {
    "RateLimit-Policy": "The limit: `q` requests in a window of `w` seconds.",
    "RateLimit": "How it stands: `r` requests left, `t` seconds to the next window.",
}
CHALLENGE_HEADERS = {"WWW-Authenticate": "What is wrong with the token (RFC 6750)."}
WAIT_HEADERS = {"Retry-After": "Seconds to wait before trying again."}
HEADERS = {
    "401": CHALLENGE_HEADERS,
    "403": CHALLENGE_HEADERS,
    "429": WAIT_HEADERS,
    "503": WAIT_HEADERS,
}


def problems(*statuses: int) -> dict[Any, Any]:
    """Return the problem answers of an operation, for its schema.

    Those that every operation may give (401, 403, 429, 503) need not be named.
    """
    return {
        (status, "application/problem+json"): ProblemSerializer
        for status in sorted({*statuses, *ALWAYS})
    }


def describe_rules(
    result: dict[str, Any],
    generator: Any,  # noqa: ARG001 - drf-spectacular passes it by name
    request: Any,  # noqa: ARG001
    public: Any,  # noqa: ARG001
) -> dict[str, Any]:
    """Add what holds everywhere: limits in headers, and no unknown fields in bodies."""
    for name, component in result["components"]["schemas"].items():
        if name.endswith("Request") and component.get("type") == "object":
            component["additionalProperties"] = False
    problem = {"$ref": "#/components/schemas/Problem"}
    unacceptable = {
        "description": "`Accept` names nothing that is offered.",
        "content": {"application/problem+json": {"schema": problem}},
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"].setdefault("406", dict(unacceptable))
            for status, answer in operation["responses"].items():
                told = LIMIT_HEADERS | HEADERS.get(status, {})
                headers = answer.setdefault("headers", {})
                for name, about in told.items():
                    header = {"description": about, "schema": {"type": "string"}}
                    headers.setdefault(name, header)
    return result


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI schema about the tokens."""

    target_class = "users.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        """Return the scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, issued in the back office. Each operation"
            " names the scope that it demands.",
        }

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Return the scopes of which the operation demands one."""
        scopes = demanded(auto_schema.view, auto_schema.method)
        return [{self.name: [scope.value]} for scope in scopes] or [{self.name: []}]
