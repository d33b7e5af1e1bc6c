"""Widgets for confusion matrices."""
