"""Exports: what a list shows as a file, kept for a day (ADR-0044).

``kinds`` says what can be exported, ``forms`` how it is written, ``keeping`` makes a
file of it step by step, hands it out and deletes it.
"""
