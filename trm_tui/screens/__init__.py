"""Screens and dialogs: they connect a session to its widgets."""
