"""Widgets for a conversation, its tokens and the model's answers."""
