"""Reports of runs: one self-contained HTML or Markdown file."""
