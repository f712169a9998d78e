"""Second factors of staff: authenticator apps, passkeys, recovery codes (ADR-0039).

Kept are: of an app its secret, sealed under ``SECRET_KEY``; of a passkey its public
key; of a recovery code a digest.
"""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from eventstore import store
from eventstore.events import ANY
from eventstore.operator_events import StaffFactorChanged
from users.models import SecondFactor

APP, PASSKEY, RECOVERY = SecondFactor.Kind
ISSUER = "Annals"
STEP_SECONDS = 30
DRIFT = 1  # steps to each side that a clock may be wrong
CODES = 10  # recovery codes at a time
CODE_BYTES = 10  # 80 random bits each
ADDED, REMOVED, MADE, SPENT = "added", "removed", "made anew", "spent"


def of(account: User) -> list[SecondFactor]:
    """Return the factors of *account*, oldest first; recovery codes as well."""
    return list(SecondFactor.objects.filter(account=account).order_by("pk"))


def has_any(account: User) -> bool:
    """Return whether a second factor is asked for at the log-in of *account*."""
    return SecondFactor.objects.filter(account=account).exclude(kind=RECOVERY).exists()


def new_secret() -> str:
    """Return a secret for an authenticator app."""
    return pyotp.random_base32()


def address(account: User, secret: str) -> str:
    """Return what an authenticator app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(
        name=account.get_username(), issuer_name=ISSUER
    )


def add_app(account: User, secret: str, code: str, name: str) -> bool:
    """Keep an authenticator app, if *code* is what it shows now."""
    step = _step_of(secret, code)
    if step is None:
        return False
    _add(account, APP, name, sealed(secret), last_step=step)
    return True


def accept_code(account: User, typed: str) -> bool:
    """Return whether *typed* is a code of an app or a recovery code; it works once."""
    code = "".join(typed.split()).lower()
    with transaction.atomic():
        held = SecondFactor.objects.select_for_update().filter(account=account)
        for factor in held.filter(kind=APP):
            step = _step_shown_by(factor, code)
            if step is not None and step > factor.last_step:
                factor.last_step = step
                _used(factor)
                return True
        spent = held.filter(kind=RECOVERY, secret=_digest(code)).first()
        if spent is None:
            return False
        spent.delete()
        _record(account, "recovery code", SPENT)
        return True


def make_codes(account: User) -> list[str]:
    """Return new recovery codes; the old ones work no more, and none is shown again."""
    codes = [secrets.token_hex(CODE_BYTES) for _ in range(CODES)]
    with transaction.atomic():
        SecondFactor.objects.filter(account=account, kind=RECOVERY).delete()
        now = timezone.now()
        SecondFactor.objects.bulk_create(
            SecondFactor(
                account=account, kind=RECOVERY, secret=_digest(code), created_at=now
            )
            for code in codes
        )
        _record(account, "recovery codes", MADE)
    return codes


def begin_passkey(account: User, host: str) -> tuple[Mapping[str, Any], Any]:
    """Return what the browser needs to make a passkey, and what to remember of it."""
    known = PublicKeyCredentialUserEntity(
        name=account.get_username(),
        id=f"staff-{account.pk}".encode(),
        display_name=account.get_username(),
    )
    options, state = _server(host).register_begin(
        known,
        _credentials(account),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options.public_key), state


def add_passkey(
    account: User, host: str, state: Any, response: Mapping[str, Any], name: str
) -> bool:
    """Keep the passkey that the browser made, if it fits what was asked."""
    try:
        made = _server(host).register_complete(state, response)
    except (LookupError, TypeError, ValueError):
        return False
    if made.credential_data is None:
        return False
    _add(account, PASSKEY, name, bytes(made.credential_data), counter=made.counter)
    return True


def begin_proof(account: User, host: str) -> tuple[Mapping[str, Any], Any] | None:
    """Return what the browser needs to use a passkey; None when there is none."""
    credentials = _credentials(account)
    if not credentials:
        return None
    options, state = _server(host).authenticate_begin(
        credentials, user_verification=UserVerificationRequirement.REQUIRED
    )
    return dict(options.public_key), state


def accept_passkey(
    account: User, host: str, state: Any, response: Mapping[str, Any]
) -> bool:
    """Return whether the browser has used one of the account's passkeys."""
    with transaction.atomic():
        held = SecondFactor.objects.select_for_update().filter(
            account=account, kind=PASSKEY
        )
        known = {bytes(each.secret): each for each in held}
        credentials = [AttestedCredentialData(each) for each in known]
        try:
            found = _server(host).authenticate_complete(state, credentials, response)
            told = AuthenticationResponse.from_dict(response)
        except (LookupError, TypeError, ValueError):
            return False
        factor = known[bytes(found)]
        counter = told.response.authenticator_data.counter
        if counter and counter <= factor.counter:
            return False  # a copy of the key: WebAuthn 6.1.1
        factor.counter = counter
        _used(factor)
        return True


def remove(account: User, pk: int) -> bool:
    """Forget a factor of *account*; with the last one its recovery codes, too."""
    with transaction.atomic():
        held = SecondFactor.objects.filter(account=account)
        found = held.filter(pk=pk).exclude(kind=RECOVERY).first()
        if found is None:
            return False
        found.delete()
        if not has_any(account):
            held.delete()
        _record(account, str(found.kind), REMOVED)
    return True


def forget(account: User) -> int:
    """Remove all factors of *account* and return how many; recovery codes uncounted."""
    held = [each for each in of(account) if each.kind != RECOVERY]
    return sum(remove(account, each.pk) for each in held)


def sealed(secret: str) -> bytes:
    """Return *secret* as it is kept."""
    return _cipher().encrypt(secret.encode())


def opened(kept: bytes, *, seconds: int | None = None) -> str:
    """Return a secret that was sealed.

    Args:
        kept: What :func:`sealed` returned.
        seconds: How old it may be; None for any age.

    Raises:
        InvalidToken: ``SECRET_KEY`` is another one now, or it is too old.
    """
    return _cipher().decrypt(kept, ttl=seconds).decode()


def _add(account: User, kind: str, name: str, secret: bytes, **clocks: int) -> None:
    with transaction.atomic():
        factor = SecondFactor.objects.create(
            account=account,
            kind=kind,
            name=name,
            secret=secret,
            created_at=timezone.now(),
            **clocks,
        )
        _record(account, str(factor.kind), ADDED)


def _record(account: User, factor: str, change: str) -> None:
    changed = StaffFactorChanged(
        account=account.get_username(), factor=factor, change=change
    )
    store.append(f"staff-{account.pk}", [changed], expected_version=ANY)


def _used(factor: SecondFactor) -> None:
    factor.used_at = timezone.now()
    factor.save(update_fields=["used_at", "last_step", "counter"])


def _step_shown_by(factor: SecondFactor, code: str) -> int | None:
    try:
        return _step_of(opened(bytes(factor.secret)), code)
    except InvalidToken:
        return None  # sealed under another SECRET_KEY: the app must be added anew


def _step_of(secret: str, code: str) -> int | None:
    now = int(time.time()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in range(now - DRIFT, now + DRIFT + 1):
        shown = totp.at(step * STEP_SECONDS).encode()
        if secrets.compare_digest(shown, code.encode(errors="surrogatepass")):
            return step
    return None


def _credentials(account: User) -> Sequence[AttestedCredentialData]:
    held = SecondFactor.objects.filter(account=account, kind=PASSKEY)
    return [AttestedCredentialData(bytes(each.secret)) for each in held]


def _server(host: str) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(name=ISSUER, id=host))


def _digest(code: str) -> bytes:
    return sha256(b"recovery" + code.encode(errors="surrogatepass")).digest()


def _cipher() -> Fernet:
    key = sha256(b"second factors" + settings.SECRET_KEY.encode()).digest()
    return Fernet(urlsafe_b64encode(key))
