"""Widgets for a run."""
