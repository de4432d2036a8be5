"""A local server of the look-up API, with latency, rate limits and faults: to rehearse a scrape on."""
