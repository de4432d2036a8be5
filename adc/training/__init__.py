"""The train stage: an LSTM or GRU classifier, data-parallel with Horovod on Spark, to a model bundle."""
