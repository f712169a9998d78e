"""One answer a key: a request that comes twice is carried out once (ADR-0022)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import orjson
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from eventstore import wire
from users.errors import KeyReusedError, RequestInProgressError
from users.models import KeptAnswer

LOCKS = 16719  # first half of the advisory locks that keys are held with
BATCH_SIZE = 5_000  # answers deleted at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What makes two requests the same one.

    Attributes:
        digest: 32 bytes, of client and key.
        fingerprint: 32 bytes, of what is asked.
    """

    digest: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client is told, byte for byte.

    Attributes:
        headers: Those that belong to the answer and not to the connection.
        is_final: False when asking again may do no harm and some good: not kept.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_final: bool = True


def key_of(*, client: str, key: str, asked: bytes) -> Key:
    """Return the key under which a request is remembered.

    Args:
        client: Who asks; two clients never share a key.
        key: What the client sent.
        asked: Method, path and body.  It may name a person, so what is stored of it
            cannot be guessed without ``CLAIM_KEY``.
    """
    return Key(
        digest=_keyed(b"key", client.encode(), key.encode()),
        fingerprint=_keyed(b"asked", asked),
    )


def once(key: Key, produce: Callable[[], Answer]) -> tuple[Answer, bool]:
    """Return the answer to *key*, and whether it was given before.

    *produce* runs in the transaction that keeps its answer: what it appends and what it
    says are stored together or not at all.  When it raises, nothing is.

    Raises:
        KeyReusedError: The key came with another request.
        RequestInProgressError: Another request with this key is under way.
    """
    with transaction.atomic():
        _hold(key)
        kept = _kept(key)
        if kept is not None:
            return kept, True
        answer = produce()
        if answer.is_final:
            _keep(key, answer)
        return answer, False


def prune() -> int:
    """Delete the answers that have expired; return how many."""
    expired = KeptAnswer.objects.filter(expires_at__lte=timezone.now())
    total = 0
    while digests := list(expired.values_list("digest", flat=True)[:BATCH_SIZE]):
        total += KeptAnswer.objects.filter(digest__in=digests).delete()[0]
    return total


def _hold(key: Key) -> None:
    # A lock of two numbers never meets one of the log's, which are of one.  It is tried
    # in a statement of its own: the next one sees what its last holder committed.
    number = int.from_bytes(key.digest[:4], "big", signed=True)
    halves = {"locks": LOCKS, "number": number}
    ((is_held,),) = wire.rows("users.hold_answer", halves)
    if not is_held:
        raise RequestInProgressError


def _kept(key: Key) -> Answer | None:
    wanted = {"digest": key.digest, "now": timezone.now()}
    for fingerprint, status, headers, body in wire.rows("users.find_answer", wanted):
        if fingerprint != key.fingerprint:
            raise KeyReusedError
        return Answer(status=status, headers=orjson.loads(headers), body=body)
    return None


def _keep(key: Key, answer: Answer) -> None:
    hours: int = settings.IDEMPOTENCY_HOURS
    row = {
        "digest": key.digest,
        "fingerprint": key.fingerprint,
        "status": answer.status,
        "headers": orjson.dumps(dict(answer.headers)).decode(),
        "body": answer.body,
        "expires_at": timezone.now() + timedelta(hours=hours),
    }
    wire.call("users.keep_answer", row)


def _keyed(*parts: bytes) -> bytes:
    key: str = settings.CLAIM_KEY
    digest = hmac.new(key.encode(), digestmod=sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
