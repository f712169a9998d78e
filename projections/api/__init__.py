"""The read side over HTTP: search, one user, one user at an instant, one stream."""
