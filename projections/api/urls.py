"""/api/v1: queries here, commands beside them."""

from __future__ import annotations

from django.urls import path

from projections.api.log import ConversationView, EventsAroundView, EventsView
from projections.api.stream import EventStreamView
from projections.api.views import UserEventsView, UsersView, UserView
from users.api.views import ChangeEmailView, ChangeNameView, ChangeStatusView

app_name = "api"
urlpatterns = [
    path("users", UsersView.as_view(), name="users"),
    path("users/<uuid:user_id>", UserView.as_view(), name="user"),
    path("users/<uuid:user_id>/name", ChangeNameView.as_view(), name="change-name"),
    path("users/<uuid:user_id>/email", ChangeEmailView.as_view(), name="change-email"),
    path(
        "users/<uuid:user_id>/status", ChangeStatusView.as_view(), name="change-status"
    ),
    path("users/<uuid:user_id>/events", UserEventsView.as_view(), name="user-events"),
    path("events", EventsView.as_view(), name="events"),
    path("events/stream", EventStreamView.as_view(), name="event-stream"),
    path("events/around", EventsAroundView.as_view(), name="events-around"),
    path(
        "correlations/<uuid:correlation_id>",
        ConversationView.as_view(),
        name="conversation",
    ),
]
