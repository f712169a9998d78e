"""Which types of events a filter means: names, whole families, all but some."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from eventstore.checks import stored_shapes

NOT = "!"
FAMILY = ".*"
MAX_LENGTH = 200  # characters


class Types:
    """The types there are.

    Attributes:
        registered: Those that the code knows, sorted.
    """

    def __init__(self, registered: Sequence[str], *, is_log: bool) -> None:
        """Take those the code knows; *is_log*: and those that only the log has."""
        self.registered = registered
        self._is_log = is_log

    @cached_property
    def all(self) -> Collection[str]:
        """Those that are registered, and those of the log.  A probe for each."""
        found = stored_shapes() if self._is_log else []
        return sorted({*self.registered, *(name for name, _version in found)})

    def meant(self, asked: str) -> Collection[str]:
        """Return what one word means, ``!`` left aside; empty when there is no such.

        A family, ``user.*``, are the registered types whose name begins with that word.
        """
        if asked in self.registered:
            return [asked]
        if asked.endswith(FAMILY):
            word = asked.removesuffix(FAMILY).lower()
            return [name for name in self.registered if _begins(name, word)]
        return [asked] if asked in self.all else []


def _begins(name: str, word: str) -> bool:
    rest = name[len(word) :]
    return bool(word) and name.lower().startswith(word) and rest[:1].isupper()


class TypeField(forms.Field):
    """``UserCreated``, ``user.*``, ``!UserCreated``: names of types, sorted.

    What begins with ``!`` is left out of the others, or of all.
    """

    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, types: Callable[[], Types], **options: Any) -> None:
        super().__init__(required=False, **options)
        self.types = types

    def clean(self, value: Any) -> list[str]:
        """Return the names that are meant; none when nothing was asked.

        Raises:
            ValidationError: There is no such type, or all of them are left out.
        """
        types = self.types()
        wanted: set[str] = set()
        unwanted: set[str] = set()
        asked = list(filter(None, value or []))
        for each in asked:
            found = types.meant(each.removeprefix(NOT)[:MAX_LENGTH])
            if not found:
                message = _("There is no type of events “{name}”.")
                raise ValidationError(message.format(name=each[:MAX_LENGTH]))
            (unwanted if each.startswith(NOT) else wanted).update(found)
        if not asked:
            return []
        left = (wanted or {*types.all}) - unwanted
        if not left:
            raise ValidationError(_("No type is left: take some out of these."))
        return sorted(left)
