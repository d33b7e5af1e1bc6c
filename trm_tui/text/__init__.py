"""Text: figures, names and marks that screens and tables share, made safe for the terminal."""
