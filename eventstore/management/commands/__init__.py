"""One module a command of the event store."""
