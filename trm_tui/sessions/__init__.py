"""Sessions: the objects that a screen works on, such as a run, a checkpoint or models."""
