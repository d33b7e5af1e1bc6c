"""Inspection: the contents of a model file, its errors, and its answers to a conversation."""
