"""Clean raw tweets, or any archive of texts, into clean_tweets; what is unusable goes to quarantine.

Without --input: what is new or changed in raw_tweets since the last run. Of a folder: the files that are.
"""

import sys

from adc.cleaning.stage import clean
from adc.job import job_parser, run_job

if __name__ == "__main__":
    parser = job_parser("clean", __doc__)
    parser.add_argument(
        "--input", metavar="PATH", help="an archive: CSV, Parquet, Delta, JSON, tweets.js or plain lines"
    )
    parser.add_argument("--full", action="store_true", help="clean again what earlier runs have cleaned")
    sys.exit(run_job(parser, "clean", lambda job, args: clean(job, args.input, args.full)))
