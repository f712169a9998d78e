"""Pages of the back office about people; config/admin.py gives them addresses."""
