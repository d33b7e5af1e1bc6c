"""Worker: the process that trains, evaluates and predicts; viewers start it, none imports it."""
