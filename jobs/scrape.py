"""Look up tweet ids over HTTP and keep every id's outcome in the table raw_tweets.

Ids that have an outcome are not asked again: run the same command again to go on after a stop.
With neither --ids nor scrape.url set, a local server with a sample corpus stands in for the API.
"""

import sys

from adc.job import job_parser, run_job
from adc.scraping.stage import scrape

if __name__ == "__main__":
    parser = job_parser("scrape", __doc__)
    parser.add_argument(
        "--ids",
        metavar="PATH",
        help="list of tweet ids, labelled or not: CSV, Parquet, JSON lines, Delta or plain lines",
    )
    parser.add_argument(
        "--retry",
        metavar="STATUS",
        type=lambda names: names.split(","),
        default=[],
        help="ask again ids that were missing, failed or missing,failed",
    )
    parser.add_argument("--limit", metavar="N", type=int, help="ask at most N ids, the lowest first")
    sys.exit(run_job(parser, "scrape", lambda job, args: scrape(job, args.ids, args.retry, args.limit)))
