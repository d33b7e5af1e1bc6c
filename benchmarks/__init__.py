"""Benchmarks: speed and memory, each a ratio of two things measured in one run on one machine."""
