"""Tables: rows, columns, search and scrolling."""
