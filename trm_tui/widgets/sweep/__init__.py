"""Panes of a sweep."""
