"""Schema: the data types shared by the engine and the screens.

``events`` defines the events that a worker writes, ``evaluation`` an evaluation and its METRICS,
``answers`` and ``model_file`` the answers to requests, and ``fields`` the types of single fields.
In JSON, NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". A decoder with
``strict=False`` reads them as floats.
"""
