"""Django's backend for PostgreSQL, but for how a kept connection proves to be alive."""
