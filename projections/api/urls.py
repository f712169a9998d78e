"""/api/v1: queries here, commands beside them."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import UUIDConverter

from projections.api.log import (
    ConversationView,
    EventsAroundView,
    EventsView,
    StreamView,
)
from projections.api.past import UserExplanationView, UserHistoryView
from projections.api.stream import EventStreamView
from projections.api.views import UserEventsView, UsersView, UserView
from users.api.bulk import CommandsView
from users.api.fate import FateView
from users.api.salesforce import (
    ApproveRunView,
    CancelRunView,
    PauseRunView,
    ResumeRunView,
    RunsView,
    RunView,
)
from users.api.views import (
    ChangeEmailView,
    ChangeNameView,
    ChangeStatusView,
    EraseUserView,
)


class IdentityConverter(UUIDConverter):
    """A UUID in small or capital letters; Django's own takes small ones only."""

    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


register_converter(IdentityConverter, "id")

app_name = "api"
urlpatterns = [
    path("commands/<id:command_id>", FateView.as_view(), name="command"),
    path("users/commands", CommandsView.as_view(), name="commands"),
    path("users", UsersView.as_view(), name="users"),
    path("users/<id:user_id>", UserView.as_view(), name="user"),
    path("users/<id:user_id>/name", ChangeNameView.as_view(), name="change-name"),
    path("users/<id:user_id>/email", ChangeEmailView.as_view(), name="change-email"),
    path("users/<id:user_id>/status", ChangeStatusView.as_view(), name="change-status"),
    path("users/<id:user_id>/erase", EraseUserView.as_view(), name="erase-user"),
    path("users/<id:user_id>/events", UserEventsView.as_view(), name="user-events"),
    path("users/<id:user_id>/history", UserHistoryView.as_view(), name="user-history"),
    path(
        "users/<id:user_id>/explain",
        UserExplanationView.as_view(),
        name="user-explanation",
    ),
    path("salesforce/runs", RunsView.as_view(), name="runs"),
    path("salesforce/runs/<uuid:run_id>", RunView.as_view(), name="run"),
    path(
        "salesforce/runs/<uuid:run_id>/pause", PauseRunView.as_view(), name="pause-run"
    ),
    path(
        "salesforce/runs/<uuid:run_id>/resume",
        ResumeRunView.as_view(),
        name="resume-run",
    ),
    path(
        "salesforce/runs/<uuid:run_id>/cancel",
        CancelRunView.as_view(),
        name="cancel-run",
    ),
    path(
        "salesforce/runs/<uuid:run_id>/approve",
        ApproveRunView.as_view(),
        name="approve-run",
    ),
    path("events", EventsView.as_view(), name="events"),
    path("events/stream", EventStreamView.as_view(), name="event-stream"),
    path("events/around", EventsAroundView.as_view(), name="events-around"),
    path("streams/<path:name>", StreamView.as_view(), name="stream"),
    path(
        "correlations/<id:correlation_id>",
        ConversationView.as_view(),
        name="conversation",
    ),
]
