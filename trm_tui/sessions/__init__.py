"""What a screen is attached to: a run, a checkpoint, models, a conversation, a file of samples."""
