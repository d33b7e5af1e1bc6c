"""Confusion matrices."""
