"""Requests -> views: the table of contents of HTTP."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.defaults import bad_request
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config import health
from config.failures import page_not_found, permission_denied, server_error
from config.intake import ingest
from config.metrics import MetricsView
from config.problems import api_bad_request, api_not_found, api_server_error

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("projections.api.urls")),
    path("api/ingest/<str:source>/", ingest),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", MetricsView.as_view()),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(url_name="schema"),
        name="docs",
    ),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the client's language: problem+json under /api, a page elsewhere."""
    answer = api_bad_request if request.path.startswith("/api/") else bad_request
    return answer(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer with a page; the API words its own."""
    return permission_denied(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the client's language: problem+json under /api, a page elsewhere."""
    answer = api_not_found if request.path.startswith("/api/") else page_not_found
    return answer(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer in the client's language: problem+json under /api, a page elsewhere."""
    answer = api_server_error if request.path.startswith("/api/") else server_error
    return answer(request)
