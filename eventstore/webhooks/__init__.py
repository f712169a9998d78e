"""Signed webhooks: events told to other systems over HTTPS (ADR-0026).

Reading order: ``endpoints`` (where to), ``courier`` (what is owed, and the attempts),
``message`` (what is sent and how it is signed), ``addresses`` and ``sending`` (how, and
to whom never).
"""
