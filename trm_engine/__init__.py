"""Everything that knows the Tiny Recursive Model; usable without a screen."""
