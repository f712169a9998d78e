"""``/salesforce/runs``: start, watch and steer the reading of Salesforce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from users.answers import Answer
from users.api.carrying_out import acting_client
from users.api.described import IDEMPOTENCY_KEY
from users.api.idempotency import answered
from users.api.schema import problems
from users.api.serializers import (
    Instant,
    NeededReason,
    Reason,
    RecordId,
    StrictSerializer,
    YesOrNo,
)
from users.models import SalesforceRun
from users.scopes import Scope
from users.sources.salesforce import runs
from users.sources.salesforce.run_state import Mode, State
from users.sources.salesforce.runs import MOST_IDS

SHOWN = 100  # newest runs of the list
EXAMPLE = {
    "run_id": "01a20eca-8e4e-70df-90f5-17ce7f418d53",
    "sobject": "Contact",
    "mode": "incremental",
    "dry_run": False,
    "state": "running",
    "why": "",
    "actor": "client:crm-portal",
    "org_id": "00D000000000001EAA",
    "pages": 3,
    "counts": {"read": 6000, "created": 2, "changed": 31, "withheld": 0},
    "calls": 5,
    "people": 0,
    "deactivated": 0,
    "covered_until": None,
    "started_at": "2026-11-06T12:00:00Z",
    "changed_at": "2026-11-06T12:00:04Z",
}
STARTED = OpenApiExample("A run", EXAMPLE, response_only=True)


class RunSerializer(serializers.ModelSerializer[SalesforceRun]):
    """One run over Salesforce."""

    mode = serializers.ChoiceField(choices=[*Mode], read_only=True)
    state = serializers.ChoiceField(choices=[*State], read_only=True)
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Records read, and what became of them.",
    )

    class Meta:
        """Everything but who is working at it."""

        model = SalesforceRun
        fields = tuple(EXAMPLE)
        read_only_fields = fields
        extra_kwargs = {
            "why": {"help_text": "Why it is held, failed or was cancelled."},
            "people": {"help_text": "Users who would be deactivated, if approved."},
            "covered_until": {"help_text": "Up to when Salesforce is known with it."},
        }


class RunsSerializer(serializers.Serializer[Any]):
    """The newest runs."""

    runs = RunSerializer(many=True, read_only=True)


class StartRunSerializer(StrictSerializer):
    """Which run is wanted."""

    mode = serializers.ChoiceField(choices=[*Mode])
    ids = serializers.ListField(
        child=RecordId(),
        required=False,
        max_length=MOST_IDS,
        help_text="Records, 15 or 18 characters each, for the mode `record`.",
    )
    since = Instant(
        required=False,
        help_text="For the mode `incremental`: reach back to this instant, at or before"
        " the watermark.",
    )
    dry_run = YesOrNo(required=False, default=False)
    reason = Reason(required=False, allow_blank=True, default="")


class ReasonSerializer(StrictSerializer):
    """Why somebody steers a run."""

    reason = Reason(required=False, allow_blank=True, default="")


class NeededReasonSerializer(StrictSerializer):
    """Why somebody approves."""

    reason = NeededReason()


class RunsView(APIView):
    """The runs over Salesforce."""

    scopes = {"GET": Scope.SALESFORCE_READ, "POST": Scope.SALESFORCE_RUN}

    @extend_schema(
        operation_id="list_salesforce_runs",
        summary="The newest runs over Salesforce",
        description=f"At most {SHOWN}, newest first.",
        responses={200: RunsSerializer, **problems(503)},
        examples=[OpenApiExample("Runs", {"runs": [EXAMPLE]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Return the newest runs."""
        newest = SalesforceRun.objects.order_by("-started_at")[:SHOWN]
        return Response({"runs": RunSerializer(newest, many=True).data})

    @extend_schema(
        operation_id="start_salesforce_run",
        summary="Start a run over Salesforce",
        description="A worker takes it up; ask at `Location` how far it is. One run of "
        "an object at a time: 409 while another one is under way. A dry run reads and "
        "compares, and changes nothing.",
        parameters=[IDEMPOTENCY_KEY],
        request=StartRunSerializer,
        responses={202: RunSerializer, **problems(400, 409, 413, 415, 422, 503)},
        examples=[
            STARTED,
            OpenApiExample("What changed", {"mode": "incremental"}, request_only=True),
            OpenApiExample(
                "What changed since a day",
                {"mode": "incremental", "since": "2026-11-01T00:00:00Z"},
                request_only=True,
            ),
            OpenApiExample(
                "Two records",
                {"mode": "record", "ids": ["0035g00000XyZab", "0035g00000XyZacAAF"]},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Start a run."""
        body = StartRunSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)

        def produce() -> Answer:
            with acting_client(request):
                return _told(runs.start(Mode(wanted.pop("mode")), **wanted))

        return answered(request, produce)


class RunView(APIView):
    """One run over Salesforce."""

    scopes = {"GET": Scope.SALESFORCE_READ}

    @extend_schema(
        operation_id="get_salesforce_run",
        summary="How far a run over Salesforce is",
        responses={200: RunSerializer, **problems(404, 503)},
        examples=[STARTED],
    )
    def get(self, request: Request, run_id: UUID) -> Response:  # noqa: ARG002
        """Return where the run stands."""
        return Response(RunSerializer(runs.find(run_id)).data)


def _steering(name: str, summary: str, description: str, request: Any) -> Any:
    return extend_schema_view(
        post=extend_schema(
            operation_id=f"{name}_salesforce_run",
            summary=summary,
            description=description,
            parameters=[IDEMPOTENCY_KEY],
            request=request,
            responses={
                202: RunSerializer,
                **problems(400, 404, 409, 413, 415, 422, 503),
            },
            examples=[
                STARTED,
                OpenApiExample("Why", {"reason": "OPS-412"}, request_only=True),
            ],
        )
    )


class SteeringView(APIView):
    """Tells a run to do otherwise."""

    scopes = {"POST": Scope.SALESFORCE_RUN}
    body: ClassVar[type[serializers.Serializer[Any]]] = ReasonSerializer
    steer: ClassVar[Callable[..., SalesforceRun]]

    def post(self, request: Request, run_id: UUID) -> HttpResponse:
        """Carry it out."""
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]

        def produce() -> Answer:
            with acting_client(request):
                return _told(type(self).steer(run_id, reason=reason))

        return answered(request, produce)


@_steering(
    "pause", "Pause a run", "It stops after the page it is at.", ReasonSerializer
)
class PauseRunView(SteeringView):
    """Pauses a run."""

    steer = staticmethod(runs.pause)


@_steering(
    "resume",
    "Resume a run",
    "It goes on where it stood. A run that waits for approval is approved or cancelled "
    "instead.",
    ReasonSerializer,
)
class ResumeRunView(SteeringView):
    """Resumes a run."""

    steer = staticmethod(runs.resume)


@_steering(
    "cancel",
    "Cancel a run",
    "It ends where it stands; what it recorded stays. This also rejects what waits for "
    "approval.",
    ReasonSerializer,
)
class CancelRunView(SteeringView):
    """Cancels a run."""

    steer = staticmethod(runs.cancel)


@_steering(
    "approve",
    "Approve a mass change",
    "Lets a run deactivate the people it waits for. Each record is asked for once more "
    "before.",
    NeededReasonSerializer,
)
class ApproveRunView(SteeringView):
    """Approves what a run waits for."""

    scopes = {"POST": Scope.SALESFORCE_APPROVE}
    body = NeededReasonSerializer
    steer = staticmethod(runs.approve)


def _told(row: SalesforceRun) -> Answer:
    return Answer(
        status=status.HTTP_202_ACCEPTED,
        headers={
            "Content-Type": "application/json",
            "Location": reverse("api:run", args=[row.run_id]),
        },
        body=JSONRenderer().render(RunSerializer(row).data),
    )
