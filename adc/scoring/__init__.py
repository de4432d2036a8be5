"""The score stage: whole archives to predictions."""
