"""What the OpenAPI schema has to be told about us."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers


class ProblemFieldSerializer(serializers.Serializer[Any]):
    """One thing that is wrong with the input."""

    pointer = serializers.CharField(read_only=True, help_text="Where: a JSON pointer.")
    detail = serializers.CharField(read_only=True, help_text="What to do about it.")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    status = serializers.IntegerField(read_only=True)
    detail = serializers.CharField(required=False)
    errors = ProblemFieldSerializer(many=True, required=False)  # type: ignore[assignment]
    instance = serializers.CharField(
        read_only=True, help_text="The correlation id of the request."
    )
    command_id = serializers.UUIDField(
        required=False, help_text="The command that was refused."
    )


def problems(*statuses: int) -> dict[Any, Any]:
    """Return the problem answers of an operation, for its schema."""
    return {
        (status, "application/problem+json"): ProblemSerializer for status in statuses
    }


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI schema about the tokens."""

    target_class = "users.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer"}
