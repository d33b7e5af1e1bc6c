"""Training: losses, supervision, optimiser, trainer, evaluation, checkpoints."""
