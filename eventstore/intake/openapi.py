"""The door in the OpenAPI schema, with security schemes of its own."""

from __future__ import annotations

from typing import Any

PATH = "/api/ingest/{source}/"
ANSWERS = {
    "400": "The body was cut off. Send it again.",
    "401": "The signature does not fit, or the time is not now.",
    "403": "Never given here; a proxy in front may.",
    "404": "There is no such source, or it is disabled.",
    "405": "Only POST is answered.",
    "409": "The id came before, with other content. What came first is kept.",
    "413": "The body is too large.",
    "422": "A batch is none, is empty or holds more than 500 events, or a message of"
    " Salesforce is none or holds more than 100 notifications. Nothing is kept.",
    "429": "Too many deliveries to this source from this address.",
    "503": "Nothing can be kept now. Send it again.",
}
SCHEMES = {
    "standardWebhooks": ("webhook-signature", "Standard Webhooks 1.0.0, v1 and v1a."),
    "githubSignature": ("X-Hub-Signature-256", "`sha256=` and the HMAC in hex."),
    "stripeSignature": ("Stripe-Signature", "`t=` and `v1=`, as Stripe signs."),
    "hmacSignature": (
        "X-Signature",
        "HMAC-SHA256 of the body; the source's settings name the header.",
    ),
}
BASIC = "salesforceBasic"  # the one scheme that is no header of its own
ONE = {"id": "01a21fea-e6d1-72e7-93d2-18a398c6b0b2", "duplicate": False}
MANY = {"records": [ONE, ONE | {"duplicate": True}]}
SAYS = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "duplicate": {"type": "boolean", "description": "Whether it was kept before."},
        "records": {"type": "array", "items": {"type": "object"}},
    },
}


def describe_door(
    result: dict[str, Any],
    generator: Any,  # noqa: ARG001 - drf-spectacular passes it by name
    request: Any,  # noqa: ARG001
    public: Any,  # noqa: ARG001
) -> dict[str, Any]:
    """Add the door to the schema."""
    schemes = result.setdefault("components", {}).setdefault("securitySchemes", {})
    for name, (header, about) in SCHEMES.items():
        schemes[name] = {
            "type": "apiKey",
            "in": "header",
            "name": header,
            "description": about,
        }
    about = "Outbound messages of Salesforce; what they name must be the source's org."
    schemes[BASIC] = {"type": "http", "scheme": "basic", "description": about}
    result["paths"][PATH] = {"post": _operation()}
    return result


def _operation() -> dict[str, Any]:
    return {
        "operationId": "ingest",
        "summary": "Take in what another system sends",
        "description": "Verified over the bytes as received, by the style of the"
        " source. 202 means that it is kept, not what it meant: that is found out"
        " afterwards. Sent again, it is kept once. Outbound messages of Salesforce"
        " come as text/xml and are answered in SOAP; no generator knows such bodies, so"
        " only this sentence tells of them.",
        "tags": ["ingest"],
        "security": [{name: []} for name in (*SCHEMES, BASIC)],
        "parameters": [
            {
                "name": "source",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$"},
                "description": "Name of a source of this installation.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {},
                    "example": {"id": "1", "name": "Ada", "email": "ada@example.com"},
                },
                "application/cloudevents+json": {"schema": {"type": "object"}},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": {"type": "object"}}
                },
            },
        },
        "responses": {"200": _acknowledged(), "202": _accepted()} | _problems(),
    }


def _acknowledged() -> dict[str, Any]:
    content = {"text/xml": {"schema": {"type": "string"}}}
    return {"description": "Kept, for good; told to Salesforce.", "content": content}


def _accepted() -> dict[str, Any]:
    examples = {"one": {"value": ONE}, "a batch": {"value": MANY}}
    content = {"application/json": {"schema": SAYS, "examples": examples}}
    return {"description": "Kept, for good.", "content": content}


def _problems() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    # A SOAP fault for whoever sends text/xml.
    fault = {"schema": {"type": "string"}}
    content = {"application/problem+json": {"schema": schema}, "text/xml": fault}
    return {
        status: {"description": about, "content": content}
        for status, about in ANSWERS.items()
    }
