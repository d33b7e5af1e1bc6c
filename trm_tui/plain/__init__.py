"""Text output without screens: tables, progress bars and log lines."""
