"""A conversation, its tokens, and the answers to it."""
