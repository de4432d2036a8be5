"""Evaluation: what the models know, compared with labels, and shown."""
