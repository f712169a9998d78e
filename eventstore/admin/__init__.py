"""Pages of the back office about the log; config/admin.py gives them addresses."""
