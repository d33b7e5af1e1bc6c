"""Rows, columns, search and scrolling."""
