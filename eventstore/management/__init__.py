"""Command lines about the log."""
