"""The log as files: whole rows out of it, two forms of a line, and back in again."""
