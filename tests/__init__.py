"""The suite; see CONTRIBUTING.md for its rules."""
