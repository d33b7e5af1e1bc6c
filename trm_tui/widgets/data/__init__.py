"""Widgets for a data file: its figures, its problems, and the samples behind them."""
