"""What a checkpoint holds, and its judged samples."""
