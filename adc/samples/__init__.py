"""A made-up corpus of dialect tweets, so that every stage runs before anybody has data."""

from adc.samples.generator import SampleTweet, sample_corpus, write_sample_corpus

__all__ = ["SampleTweet", "sample_corpus", "write_sample_corpus"]
