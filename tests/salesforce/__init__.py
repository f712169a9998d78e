"""A Salesforce of our own: real HTTP on the loopback, and every fault on demand.

Reading order: ``org`` (what is true), ``soql`` (how it is asked), ``faults`` (what
goes wrong), ``answers`` and ``jobs`` (what is said), ``server`` (how it is reached).
Nothing but documented behaviour of the REST API, the Bulk API 2.0 and OAuth.
"""
