"""Widgets, a folder for each thing they show. They are given data and never read a run."""
