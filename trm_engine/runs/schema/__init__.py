"""Schema: what the engine and the screens say to each other, as types.

``events`` are what a worker writes, ``evaluation`` is what an evaluation contains and ``METRICS``
names its figures. ``fields`` has the types that they share. In JSON, numbers that JSON lacks are
the strings "NaN", "Infinity" and "-Infinity"; a decoder with ``strict=False`` reads them as floats.
"""
