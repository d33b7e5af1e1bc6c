"""Runs: a run is a folder; its worker writes events, its viewers write commands."""
