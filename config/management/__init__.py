"""Home of the management commands of the wiring."""
