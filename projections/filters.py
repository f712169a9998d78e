"""Which users to list: django-filter over the directory."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from projections import instants, pages
from projections.models import DirectoryEntry, UserRow
from users.values import SETTABLE_STATUSES

MAX_POSITION = 2**63 - 1


class InstantField(forms.CharField):
    """An instant with an offset."""

    def clean(self, value: Any) -> Any:
        """Return the aware instant, or None when none was given.

        Raises:
            ValidationError: It is no instant with an offset.
        """
        raw = super().clean(value)
        if not raw:
            return None
        try:
            return instants.parse(raw)
        except ValueError:
            raise ValidationError(instants.ADVICE) from None


class InstantFilter(django_filters.Filter):
    """Compares with an instant."""

    field_class = InstantField


class PositionFilter(django_filters.Filter):
    """Compares with a position of the log."""

    field_class = forms.IntegerField


class DirectoryFilter(django_filters.FilterSet):
    """``?q=ada love&status=active&source=salesforce&created_since=…``."""

    q = django_filters.CharFilter(
        method="by_words",
        max_length=200,
        label="Words that must all occur in the name or the e-mail address.",
    )
    status = django_filters.ChoiceFilter(
        choices=[(status.value, status.value) for status in SETTABLE_STATUSES]
    )
    source = django_filters.CharFilter(max_length=50)
    email = django_filters.CharFilter(lookup_expr="iexact", max_length=254)
    created_since = InstantFilter("created_at", lookup_expr="gte")
    created_until = InstantFilter("created_at", lookup_expr="lt")
    updated_since = InstantFilter("updated_at", lookup_expr="gte")
    updated_until = InstantFilter("updated_at", lookup_expr="lt")
    changed_since = PositionFilter(
        "position",
        lookup_expr="gt",
        min_value=0,
        max_value=MAX_POSITION,
        label="Only users whose last event has a position above this one.",
    )

    class Meta:
        model = DirectoryEntry
        fields: list[str] = []

    def by_words(
        self,
        queryset: QuerySet[UserRow],
        name: str,  # noqa: ARG002
        value: str,
    ) -> Any:
        """Keep the entries in which every word occurs."""
        return queryset.filter(pages.matching(value))
