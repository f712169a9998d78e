"""Deliveries that are signed with a private key: Ed25519, ``v1a`` of the standard."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import LazySettings

from eventstore.intake.models import RawRecord
from tests.deliveries import ed25519, post, public, standard
from tests.eventstore.test_door import BODY, refused, set_up
from tests.intake import SECRET, crm

__all__ = ["crm"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("crm")]
# RFC 8032, 7.1: a secret key and its public key.
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED))
ANOTHER = Ed25519PrivateKey.from_private_bytes(b"another private key of 32 bytes.")


def test_a_sender_may_sign_with_a_private_key(settings: LazySettings) -> None:
    assert public(KEY) == "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    set_up(settings, secrets=[public(KEY)])
    assert post(BODY, ed25519(BODY, KEY)).status_code == 202
    assert RawRecord.objects.get().dedupe_key == "msg_1"
    good = ed25519(BODY, KEY, name="msg_2")
    signature = good["webhook-signature"]
    now = time.time()
    for bad in (
        ed25519(BODY, ANOTHER),
        ed25519(BODY + b" ", KEY),
        ed25519(BODY, KEY, at=now - 302),
        ed25519(BODY, KEY, at=now + 310),
        # The public key as the secret of an HMAC, which anybody could make.
        standard(BODY, secret=public(KEY).removeprefix("whpk_")),
        *(
            good | {"webhook-signature": each}
            for each in (
                signature.replace("v1a,", "v1,"),
                signature.replace("v1a,", "v1b,"),
                signature[:-4],
                "v1a,",
                "v1a",
                "v1a," + "A" * 88,
                "v1a,\xff",
                "v1a,x " * 25 + signature,
                "",
            )
        ),
    ):
        refused(post(BODY, bad), 401, "Not verified")
    both = good | {"webhook-signature": f"v1,x {signature}"}
    assert post(BODY, both).status_code == 202


def test_keys_and_secrets_are_valid_together_while_they_are_rotated(
    settings: LazySettings,
) -> None:
    set_up(settings, secrets=[SECRET, public(ANOTHER), public(KEY)])
    headers = [standard(BODY), ed25519(BODY, KEY), ed25519(BODY, ANOTHER)]
    assert [post(BODY, each).status_code for each in headers] == [202] * 3
    set_up(settings, secrets=[public(ANOTHER)])
    codes = [post(BODY, each).status_code for each in headers]
    assert codes == [401, 401, 202]
