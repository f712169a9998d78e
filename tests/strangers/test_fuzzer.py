from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.cast import Cast

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("ANNALS_FUZZ_EXAMPLES", "6")
SEED = os.environ.get("ANNALS_FUZZ_SEED", "1")


@pytest.mark.timeout(900)
def test_a_fuzzer_that_knows_the_schema_finds_nothing(
    annals: Cast, schema: Path, tmp_path: Path
) -> None:
    command = [str(SCHEMATHESIS), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", str(schema), "--url", f"http://localhost:{annals.port}"]
    command += ["-H", f"Authorization: Bearer {annals.token}", "--checks", "all"]
    # The stream never ends: no answer to check.
    command += ["--exclude-path", "/api/v1/events/stream", "--max-redirects", "0"]
    # Nothing passes here without a signature: tests/eventstore/test_door.py.
    command += ["--exclude-path", "/api/ingest/{source}/"]
    command += ["--max-examples", EXAMPLES, "--seed", SEED, "--no-color"]
    # Its own speed is measured by nobody: no coverage there.
    known = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(  # noqa: S603
        command,
        cwd=tmp_path,  # for what it remembers
        env=known | {"SCHEMATHESIS_HOOKS": "fuzzing", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "Tested: 23" in done.stdout
    assert "Traceback" not in annals.log("web") + annals.log("worker")
