"""Which users to list: django-filter over the directory."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet

from projections import queries
from projections.models import DirectoryEntry
from users.values import Status


class DirectoryFilter(django_filters.FilterSet):
    """``?q=ada love&status=active&source=salesforce&created_since=…``."""

    q = django_filters.CharFilter(
        method="by_words",
        max_length=200,
        label="Words that must all occur in the name or the e-mail address.",
    )
    status = django_filters.ChoiceFilter(choices=[(s.value, s.value) for s in Status])
    source = django_filters.CharFilter(max_length=50)
    email = django_filters.CharFilter(lookup_expr="iexact", max_length=254)
    created_since = django_filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_until = django_filters.IsoDateTimeFilter("created_at", lookup_expr="lt")
    updated_since = django_filters.IsoDateTimeFilter("updated_at", lookup_expr="gte")
    updated_until = django_filters.IsoDateTimeFilter("updated_at", lookup_expr="lt")

    class Meta:
        model = DirectoryEntry
        fields: list[str] = []

    def by_words(
        self,
        queryset: QuerySet[DirectoryEntry],
        name: str,  # noqa: ARG002
        value: str,
    ) -> Any:
        """Keep the entries in which every word occurs."""
        return queryset.filter(queries.matching(value))
