"""The write side: what may be said about a person, by whom, and by which rules.

Read it in this order: events, commands, aggregate (decide and evolve), claims,
services (the only writer), reactors, api, sources.
"""
