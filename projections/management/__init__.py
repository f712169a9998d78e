"""Command lines of the read side."""
