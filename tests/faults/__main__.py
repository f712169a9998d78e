"""``python -m tests.faults [--short] [--share S] [--only WORD]``."""

from __future__ import annotations

import argparse
import os
import sys
import time

import django


def main() -> None:
    """Run the suite; exit 1 when an invariant broke."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from tests.faults import report, suite  # noqa: PLC0415 - after setup
    from tests.faults.injections import FAULTS  # noqa: PLC0415

    faults = [each for each in FAULTS if options.only in each.name]
    left_out = {each.name: each.lacks() for each in faults if each.lacks()}
    for name, why in left_out.items():
        print(f"{name}: not tried, {why}", file=sys.stderr)  # noqa: T201
    faults = [each for each in faults if each.name not in left_out]
    began, outcomes = time.monotonic(), []
    for outcome in suite.run(faults, short=options.short, share=options.share):
        outcomes.append(outcome)
        print("\n".join(report.told(outcome)), flush=True)  # noqa: T201
    if not options.only:
        form = (
            "short form" if options.short else f"{options.share:.0%} of all the times"
        )
        report.write(outcomes, left_out, form=form, seconds=time.monotonic() - began)
    sys.exit(bool(left_out) or any(each.broken for each in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--short", action="store_true", help="as the tests run it")
    parser.add_argument("--share", type=float, default=1.0, help="of all the times")
    parser.add_argument("--only", default="", help="faults whose name has this word")
    return parser.parse_args()


if __name__ == "__main__":
    main()
