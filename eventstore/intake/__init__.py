"""The outside world comes in: kept as received, then mapped to commands (ADR-0037).

``door`` takes deliveries over HTTP and ``signatures`` verifies them; ``raw`` keeps what
came; ``mapping`` hands it to a mapper of ``registry``, in order within each entity;
``reprocessing`` does so again after a repair.  Knows nothing of users.
"""
