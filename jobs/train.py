"""Train an LSTM or GRU classifier on the labelled tweets of clean_tweets, with Horovod, to a model bundle.

The same command again with the same data does nothing; another bundle is replaced only with --replace.
"""

import sys

from adc.job import job_parser, run_job
from adc.training.stage import train

if __name__ == "__main__":
    parser = job_parser("train", __doc__)
    parser.add_argument(
        "--bundle", metavar="DIR", help="where the bundle goes (default: <lake.root>/models/<train.name>)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="once it is made, put the bundle in place of another one there"
    )
    sys.exit(run_job(parser, "train", lambda job, args: train(job, args.bundle, args.replace)))
