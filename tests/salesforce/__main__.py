"""``make salesforce-demo``: a Salesforce of our own, and an Annals that reads it."""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.salesforce.answers import Salesforce
from tests.salesforce.server import salesforce

PROJECT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
GUIDE = """
Change people at {url}/ and watch them arrive.

To use manage.py from another terminal, of the same folder, tell it the same settings:

{exports}
"""
STAMP_SECONDS = 2  # a stamp of this very second is left to the next run


def main() -> None:
    """Run both until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make salesforce-demo")
    parser.add_argument("--port", type=int, default=8000, help="of Annals")
    parser.add_argument("--org-port", type=int, default=8020, help="of Salesforce")
    told = parser.parse_args()
    changed = threading.Event()
    with salesforce(told.org_port) as org:
        org.org.seed()
        org.changed = changed.set
        environment = os.environ | settings(org)
        annals = subprocess.Popen(  # noqa: S603 - our own argv
            [*MANAGE, "up", "--port", str(told.port)], env=environment
        )
        try:
            follow(told.port, annals, environment, org, changed)
        except KeyboardInterrupt:
            annals.wait()


def settings(org: Salesforce) -> dict[str, str]:
    """Return the environment that leads Annals to *org*."""
    return {
        "SALESFORCE_ENABLED": "true",
        "SALESFORCE_LOGIN_URL": org.url,
        "SALESFORCE_CLIENT_ID": org.door.client_id,
        "SALESFORCE_CLIENT_SECRET": org.door.client_secret,
        "SALESFORCE_STATUS_FIELD": "Status__c",
        "SALESFORCE_STATUS_MAP": "Active=active,On hold=suspended,Gone=deactivated",
        "SALESFORCE_FIELD_OWNERS": "name=newest,email=manual,status=salesforce",
    }


def exports(org: Salesforce) -> str:
    """Return the lines that let another terminal reach *org*, too."""
    told = settings(org).items()
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in told)


def follow(
    port: int,
    annals: subprocess.Popen[bytes],
    environment: dict[str, str],
    org: Salesforce,
    changed: threading.Event,
) -> None:
    """Read everything once Annals answers, then after each change."""
    while annals.poll() is None and not answers(port):
        time.sleep(0.5)
    mode = "full"
    changed.set()
    while annals.poll() is None:
        if not changed.wait(1):
            continue
        changed.clear()
        time.sleep(STAMP_SECONDS)
        sync = [*MANAGE, "salesforce_sync", "--mode", mode]
        subprocess.run(sync, env=environment, check=False)  # noqa: S603
        if mode == "full":
            print(GUIDE.format(url=org.url, exports=exports(org)), flush=True)  # noqa: T201
        mode = "incremental"


def answers(port: int) -> bool:
    """Tell whether something listens on *port*."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
