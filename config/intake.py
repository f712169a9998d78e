"""Mappers: the table of contents of how other systems' records become commands."""

from __future__ import annotations

from eventstore.intake.registry import Mapper
from users.sources.people import PEOPLE

MAPPERS: tuple[Mapper, ...] = (
    PEOPLE,  # a plain list of people
)
