"""manage.py secure_database and audit_guard."""
