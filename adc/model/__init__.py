"""Encoder, network, bundle and predictor. Knows no Spark; only `network` needs TensorFlow."""
