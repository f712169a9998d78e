"""manage.py issue_token, rebuild_claims."""
