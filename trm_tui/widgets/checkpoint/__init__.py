"""Widgets for a checkpoint and its judged samples."""
