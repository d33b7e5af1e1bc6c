"""Sweeps: searches over settings, with Optuna. A trial is a run."""
