"""Speed as ratios: ours, the bare database and peers, interleaved in one run.

``make bench`` runs everything and writes docs/performance.md, ``make bench
ONLY=append`` one part.  No benchmark is a test: nothing here asserts a time.
"""
