"""The live stream of events: a small ASGI process beside the web (ADR-0025).

Read :mod:`config.feed.hub` first, then :mod:`config.feed.stream` and
:mod:`config.feed.app`.
"""
