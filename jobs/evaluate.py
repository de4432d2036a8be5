"""Compare models' answers with labels and write metrics, JSON and one self-contained HTML report.

Give --bundle several times to see models side by side.
"""

import sys

from adc.evaluation.stage import evaluate
from adc.job import job_parser, run_job

if __name__ == "__main__":
    parser = job_parser("evaluate", __doc__)
    parser.add_argument("--bundle", metavar="DIR", action="append", default=[], help="a model; repeatable")
    on = parser.add_mutually_exclusive_group()
    on.add_argument(
        "--split", metavar="NAME", default="test", help="train, val or test of clean_tweets (default: test)"
    )
    on.add_argument("--labelled", metavar="PATH", help="a labelled archive to evaluate on instead")
    parser.add_argument(
        "--report",
        metavar="FILE.html",
        help="where the report goes (default: <lake.root>/reports/<split>.html, "
        "of an archive its name and a hash of its path)",
    )
    sys.exit(
        run_job(
            parser,
            "evaluate",
            lambda job, args: evaluate(job, args.bundle, args.split, args.labelled, args.report),
        )
    )
