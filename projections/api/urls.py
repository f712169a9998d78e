"""/api/v1: queries here, commands beside them."""

from __future__ import annotations

from django.urls import path

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
from users.api.views import (
    ChangeEmailView,
    ChangeNameView,
    ChangeStatusView,
    EraseUserView,
)

app_name = "api"
urlpatterns = [
    path("commands/<uuid:command_id>", FateView.as_view(), name="command"),
    path("users/commands", CommandsView.as_view(), name="commands"),
    path("users", UsersView.as_view(), name="users"),
    path("users/<uuid:user_id>", UserView.as_view(), name="user"),
    path("users/<uuid:user_id>/name", ChangeNameView.as_view(), name="change-name"),
    path("users/<uuid:user_id>/email", ChangeEmailView.as_view(), name="change-email"),
    path(
        "users/<uuid:user_id>/status", ChangeStatusView.as_view(), name="change-status"
    ),
    path("users/<uuid:user_id>/erase", EraseUserView.as_view(), name="erase-user"),
    path("users/<uuid:user_id>/events", UserEventsView.as_view(), name="user-events"),
    path(
        "users/<uuid:user_id>/history", UserHistoryView.as_view(), name="user-history"
    ),
    path(
        "users/<uuid:user_id>/explain",
        UserExplanationView.as_view(),
        name="user-explanation",
    ),
    path("events", EventsView.as_view(), name="events"),
    path("events/stream", EventStreamView.as_view(), name="event-stream"),
    path("events/around", EventsAroundView.as_view(), name="events-around"),
    path("streams/<path:name>", StreamView.as_view(), name="stream"),
    path(
        "correlations/<uuid:correlation_id>",
        ConversationView.as_view(),
        name="conversation",
    ),
]
