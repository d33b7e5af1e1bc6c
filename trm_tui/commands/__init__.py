"""The commands of `trm-tui`, one file each."""
