"""Back-pressure: whether whoever fills the log in bulk should wait for its readers."""

from __future__ import annotations

from eventstore import checkpoints, pauses, store


def behind(most: int) -> str:
    """Return a subscription more than *most* positions behind, or "".  Three queries.

    Waiting helps only whoever is at work, so one that is paused, or in trouble, does
    not count: somebody has to mend it first, and may take days.

    Args:
        most: Positions between a subscription and the watermark; gaps count.
    """
    mark, paused = store.watermark(), pauses.every()
    return next(
        (
            name
            for name, reached in sorted(checkpoints.reached().items())
            if mark - reached.position > most
            and not reached.error
            and name not in paused
        ),
        "",
    )
