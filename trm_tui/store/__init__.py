"""Store: events as numpy columns, smoothing, binning, drafts. No screen, no torch."""
