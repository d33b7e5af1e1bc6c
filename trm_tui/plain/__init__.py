"""What the screens show, as text: tables, progress bars and lines."""
