"""Saved views of the event browser: a name for a filter, for oneself or for a role.

Read ``events`` first, then ``keeping``.
"""
