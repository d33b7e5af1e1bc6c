"""Exports: a model as a folder that others can read, with proof that it answers the same."""
