"""Salesforce as a source: its words end here, ours begin."""
