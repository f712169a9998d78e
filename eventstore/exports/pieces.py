"""The pieces of a file: compressed, sealed, read in order, deleted.

They are sealed under a key of the export's own, which is destroyed with them.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from hashlib import sha256
from uuid import UUID

from django.db import connection

from eventstore import sealing, vault
from eventstore.exports.errors import ExportGoneError
from eventstore.exports.models import Export, ExportPiece

HEAD = 0  # number of the piece that is the head
LOCK = 7343  # advisory: making pieces is shared, erasing somebody is not


def make_key(export_id: UUID) -> None:
    """Make and keep the key of an export.

    Raises:
        KeyRingError: There is no master key.
    """
    vault.kept([_subject(export_id)])


def keep(
    export: Export, number: int, piece: bytes, *, people: Collection[str] = ()
) -> None:
    """Keep one piece.

    Args:
        export: Of this file.
        number: Its place, from 0.
        piece: The bytes.
        people: Streams of the persons it shows plainly.

    Raises:
        ExportGoneError: The key was destroyed.
    """
    key = vault.find([_subject(export.pk)]).get(_subject(export.pk))
    if key is None:
        raise ExportGoneError
    packed = zlib.compress(piece, level=1)
    ExportPiece.objects.create(
        export=export,
        number=number,
        body=sealing.seal(key.cipher, packed, _place(export.pk, number)),
        people=[_number(stream) for stream in people],
    )


def read(export: Export, *, first: int) -> Iterator[bytes]:
    """Yield the pieces of a file from the *first* on.  A query each, constant memory.

    Raises:
        ExportGoneError: One is not there, or the key is not.
        SealBrokenError: One was changed by somebody.
    """
    key = vault.find([_subject(export.pk)]).get(_subject(export.pk))
    if key is None:
        raise ExportGoneError
    for number in range(first, export.pieces + 1):
        kept = ExportPiece.objects.filter(export=export, number=number)
        sealed = kept.values_list("body", flat=True).first()
        if sealed is None:
            raise ExportGoneError
        place = _place(export.pk, number)
        yield zlib.decompress(sealing.unseal(key.cipher, sealed, place))


def delete(export: Export) -> None:
    """Delete the pieces, and the key without which no copy of them can be read."""
    ExportPiece.objects.filter(export=export).delete()
    vault.destroy(_subject(export.pk))


def showing(subject: str) -> list[Export]:
    """Return the exports with a piece that shows the person of *subject* plainly."""
    theirs = ExportPiece.objects.filter(people__contains=[_number(subject)])
    return list(Export.objects.filter(pk__in=theirs.values("export_id")))


def hold(*, is_shared: bool) -> None:
    """Hold the lock between pieces and erasures until the transaction ends."""
    how = "_shared" if is_shared else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{how}(%s, 0)", [LOCK])


def hold_alone(export_id: UUID) -> bool:
    """Be the one who ends an export until the transaction does; False if not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))",
            [LOCK, _subject(export_id)],
        )
        return bool(cursor.fetchone()[0])


def _number(stream: str) -> int:
    """Return a number that stands for a stream; two share one hardly ever."""
    return int.from_bytes(sha256(stream.encode()).digest()[:8], "big", signed=True)


def _subject(export_id: UUID) -> str:
    """Return whose key seals the pieces of an export: its own."""
    return f"file-{export_id}"


def _place(export_id: UUID, number: int) -> bytes:
    return f"export\n{export_id}\n{number}".encode()
