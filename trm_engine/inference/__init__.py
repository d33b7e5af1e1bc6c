"""Inference: logits to predictions, and a checkpoint that answers."""
