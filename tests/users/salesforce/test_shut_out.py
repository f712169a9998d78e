from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings
from django_celery_beat.models import PeriodicTask

from eventstore.operator_events import ScheduleChanged
from tests.backoffice import staff, superuser, text
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import log, run, told
from users.models import SalesforceHint
from users.sources.salesforce import hints, login
from users.sources.salesforce.client import Client
from users.sources.salesforce.errors import UnavailableError
from users.sources.salesforce.run_state import State

pytestmark = pytest.mark.django_db
RUNS = "/admin/users/salesforcerun/"


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """Serve an address whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    now = datetime.now(tz=UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    both = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_shake, args=(server, context), daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


def test_the_schedule_pauses_itself_after_three_runs_that_were_not_let_in(
    connected: Salesforce, settings: LazySettings
) -> None:
    connected.org.seed(1)
    right = settings.SALESFORCE
    settings.SALESFORCE = right | {"CLIENT_SECRET": "wrong"}
    client = superuser()
    for _ in range(2):
        assert run().why == "auth_failed: invalid_client"
    assert log(ScheduleChanged) == []
    assert text(client.get(RUNS), "schedule-off") is None
    third = run()
    paused = log(ScheduleChanged)
    assert sorted(each.payload.schedule for each in paused) == [
        "salesforce incremental",
        "salesforce reconcile",
    ]
    assert {each.correlation_id for each in paused} == {third.run_id}
    assert paused[0].payload.new == {"enabled": "False"}
    assert not PeriodicTask.objects.filter(name="salesforce incremental", enabled=True)
    assert PeriodicTask.objects.get(name="salesforce sweep").enabled
    for page in (client.get(RUNS), client.get("/admin/")):
        assert str(text(page, "schedule-off")).startswith("A schedule that starts runs")
    stranger = staff("eventstore.view_storedevent").get("/admin/")
    assert text(stranger, "schedule-off") is None
    SalesforceHint.objects.create(
        sf_id="003000000000001AAA", hinted_at=datetime.now(UTC)
    )
    assert hints.start_run() is None
    login.forget()
    settings.SALESFORCE = right
    assert run().state == State.SUCCEEDED
    assert hints.start_run() is not None
    assert len(log(ScheduleChanged)) == 2


def test_a_certificate_that_nobody_vouches_for_is_told_as_such(
    org: Salesforce, untrusted: str
) -> None:
    login.forget()
    with (
        Client(told(org, login_url=untrusted, max_tries=1)) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.fields("Contact")
    assert str(caught.value).startswith(
        "Salesforce could not be read: its certificate is not trusted: self"
    )


def _shake(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:  # it was not trusted
            connection.close()
