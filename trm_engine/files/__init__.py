"""Files that trm-tui writes and reads: private, held open, JSON lines, plain YAML."""
