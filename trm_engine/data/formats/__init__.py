"""Formats: reads tool-calling conversations of many formats. One file a format."""
