"""Checkpoints: the file, its integrity, and what it may hold."""
