"""Charts: curves, axes, histograms."""
