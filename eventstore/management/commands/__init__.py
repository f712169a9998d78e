"""manage.py export_events, import_events, verify_log."""
