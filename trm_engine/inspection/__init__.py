"""Inspection: what is in a model's file, what it gets wrong, what it thinks of a conversation."""
