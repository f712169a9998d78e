"""Pages of the back office about API tokens; config/admin.py gives them addresses."""
