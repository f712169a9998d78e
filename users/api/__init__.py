"""The write side over HTTP: tokens, strict JSON, one view a command."""
