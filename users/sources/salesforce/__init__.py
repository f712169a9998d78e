"""Salesforce: read, compared with what it said before, and told as commands.

Reading order: ``ids`` and ``soql`` (their words), ``options`` (what an installation
says), ``login`` and ``client`` (HTTP), ``translate`` (records -> what we know of them),
``ownership`` (who is right), ``runs`` (the life of a run), ``pages`` (one page, one
transaction), ``backfill`` (a run from its first page to its last).
"""
