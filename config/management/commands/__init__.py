"""`up`: everything in one terminal."""
