"""Score clean tweets, or any archive of texts, into the table predictions.

Without --input: what is new or changed in clean_tweets since this model's last run. Of a folder: the files
that are.
"""

import sys

from adc.job import job_parser, run_job
from adc.scoring.stage import score

if __name__ == "__main__":
    parser = job_parser("score", __doc__)
    parser.add_argument(
        "--input", metavar="PATH", help="an archive: CSV, Parquet, Delta, JSON, tweets.js or plain lines"
    )
    parser.add_argument(
        "--bundle", metavar="DIR", help="the model (default: score.bundle, else the one that comes with adc)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="score again what this model has scored before"
    )
    sys.exit(run_job(parser, "score", lambda job, args: score(job, args.input, args.bundle, args.replace)))
