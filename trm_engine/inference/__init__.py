"""Inference: decoding of logits, halting, and the predictor."""
