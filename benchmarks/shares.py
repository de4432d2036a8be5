"""How often the intervals of `shares` hold the truth, by simulation.

    python benchmarks/shares.py [--draws 200]

Corpora of known shares, and validation splits, are drawn as the bundle that ships confuses dialects.
"""

import argparse

import numpy as np

from adc.model.bundle import SHIPPED, load_bundle
from adc.scoring.shares import share_intervals

# The shares of some dialects; what is left is shared out among all others.
CORPORA = (
    {"EG": 0.5, "SA": 0.3, "MA": 0.2},
    {"SA": 0.6, "KW": 0.4},
    {"SA": 0.8},
    {"EG": 0.8},
    {"SA": 0.5},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    draws = parser.parse_args().draws
    bundle = load_bundle(SHIPPED)
    validation = np.array(bundle.metrics["val"]["confusion"], float)
    rows, confusion = validation.sum(axis=1).astype(int), validation / validation.sum(axis=1, keepdims=True)
    for tweets in (1000, 20_000):
        for shares in CORPORA:
            draw = np.random.default_rng(0)
            given = np.array([shares.get(label, 0.0) for label in bundle.labels])
            others = given == 0
            truth = np.where(others, (1 - given.sum()).clip(0) / others.sum(), given)
            held = np.zeros(len(truth))
            for seed in range(draws):
                judged = np.stack([draw.multinomial(n, row) for n, row in zip(rows, confusion, strict=True)])
                counts = draw.multinomial(tweets, truth / truth.sum() @ confusion)
                _, low, high = share_intervals(counts, judged, seed)
                held += (low <= truth) & (truth <= high)
            told = ", ".join(
                f"{label} {100 * share:.0f} % in {100 * held[bundle.labels.index(label)] / draws:.0f} of 100"
                for label, share in shares.items()
            )
            print(f"{tweets:,} tweets: the interval holds {told}", flush=True)


if __name__ == "__main__":
    main()
