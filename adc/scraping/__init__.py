"""The scrape stage: tweet look-ups fanned out over Spark into `raw_tweets`."""
