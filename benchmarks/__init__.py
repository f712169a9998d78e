"""Speed as ratios: ours, the bare database and peers, interleaved in one run.

``make bench`` runs everything and writes docs/performance.md, ``make bench
ONLY=append`` one part.  A module a part yields its contests; ``contestants/`` holds the
programs that take part.  No benchmark is a test: nothing here asserts a time, but a
wrong answer ends the run, and ``--trial`` finds out in seconds whether all is alive.
"""
