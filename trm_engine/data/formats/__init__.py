"""Formats: reads tool-calling conversations of many formats. One file a format.

To add a format, write a module with a ``Format`` and add it to ``FORMATS`` in ``detection``. This
file imports none, for a server reads one or two.
"""
