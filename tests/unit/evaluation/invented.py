"""An invented report with all that a page can show, for any number of models."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pandas as pd

from adc.dialects import DIALECTS
from adc.evaluation.paired import compare, holm
from adc.evaluation.report import Drawn, Example, LeftOut, ModelReport, Reading, Report, StageRun
from adc.evaluation.selective import CONFIDENCE_STEPS, by_length, confidence_bins, plausible, risk_coverage
from adc.metrics import reliability, score, to_regions
from adc.model.explanation import Word

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = ("adc@0123abcd", "linear@4567cdef", "classic-lstm@89ab0123", "classic-gru@cdef4567", "none@01ab45ef")
TEXTS = (
    ("EG", "عايز اروح السوق دلوقتي مع اصحابي عشان نشتري عيش <user> 😂"),
    ("MA", "واش بزاف ديال الناس كيقولو هاد الهضرة دابا"),
    ("SA", "ابغى اروح الحين بس وش اسوي ما عندي وقت اليوم كله"),
    ("SY", "شو بدك هلق ما في شي"),
)
ROWS = 3000


def invented_report(models: int = 1, rows: int = ROWS) -> Report:
    """The same for the same arguments; each model is somewhat worse than the one before."""
    draw = np.random.default_rng(0)
    codes = np.array(DIALECTS.codes)
    sizes = draw.dirichlet(np.full(len(codes), 3.0))
    label, words = draw.choice(codes, rows, p=sizes), draw.integers(2, 45, rows)
    hardness = draw.uniform(0, 1, rows)
    answers = [_answers(draw, label, words, hardness, place) for place in range(models)]
    names = NAMES[:models]
    joint = {
        (one, other): pd.DataFrame(
            {"label": label, "first": answers[one]["predicted"], "second": answers[other]["predicted"]}
        )
        for one, other in combinations(range(models), 2)
    }
    return Report(
        title="Arabic dialect classification",
        made_at=NOON,
        split="test",
        taxonomy=DIALECTS,
        models=[
            _model(name, rows_, place) for place, (name, rows_) in enumerate(zip(names, answers, strict=True))
        ],
        stages=_stages(),
        labels=pd.Series(label, name="label").value_counts().rename("n").reset_index(),
        differences=holm(
            [
                compare(_counted(table), names[one], names[other], DIALECTS.codes)
                for (one, other), table in joint.items()
            ]
        ),
        drawn=[
            Drawn(f"15000000000000000{place:02}", code, [_reading(draw, name, code, text) for name in names])
            for place, (code, text) in enumerate(TEXTS)
        ],
        left_out=[
            LeftOut("scrape", "missing", "", 3702),
            LeftOut("scrape", "failed", "HTTP 500", 187),
            LeftOut("clean", "quarantined", "too_short", 702),
            LeftOut("clean", "quarantined", "no_arabic", 410),
        ],
    )


def _counted(table: pd.DataFrame) -> pd.DataFrame:
    return table.value_counts(dropna=False).rename("n").reset_index()


def _answers(
    draw: np.random.Generator, label: np.ndarray, words: np.ndarray, hardness: np.ndarray, place: int
) -> pd.DataFrame:
    region_of = DIALECTS.region_of
    skill = 0.35 + 0.35 * np.minimum(words, 20) / 20 - 0.05 * place
    right = hardness < skill
    neighbours = {
        code: [c for c in DIALECTS.codes if region_of[c] == region_of[code]] for code in DIALECTS.codes
    }
    near = np.array([draw.choice(neighbours[code]) for code in label])
    other = np.where(draw.uniform(0, 1, len(label)) < 0.6, near, draw.choice(DIALECTS.codes, len(label)))
    confidence = np.clip(skill + 0.5 * (0.5 - hardness) + draw.normal(0, 0.08, len(label)), 0.08, 0.99)
    predicted = np.where(right, label, other).astype(object)
    predicted[confidence < 0.1] = None
    size = np.clip(np.rint(8 * (1 - confidence)), 1, 18).astype(int)
    return pd.DataFrame(
        {
            "label": label,
            "predicted": predicted,
            "words": words,
            "confidence": confidence,
            "correct": predicted == label,
            "size": size,
            "held": (predicted == label) | (draw.uniform(0, 1, len(label)) < 0.75),
            "n": 1,
        }
    )


def _model(name: str, rows: pd.DataFrame, place: int) -> ModelReport:
    pairs = _counted(rows[["label", "predicted"]])
    told = rows[rows["predicted"].notna()]
    steps = told.assign(step=(told["confidence"] * CONFIDENCE_STEPS).astype(int))
    steps = steps.groupby("step")[["n", "correct", "confidence"]].sum().reset_index()
    return ModelReport(
        name=name,
        dialect=score(pairs, DIALECTS.codes),
        region=score(to_regions(pairs, DIALECTS.region_of), DIALECTS.regions),
        reliability=reliability(confidence_bins(steps)),
        errors=[
            Example(f"16000000000000000{at:02}", text, code, "QA", 0.99 - 0.01 * at, _words(text, at))
            for at, (code, text) in enumerate(TEXTS * 3)
        ],
        history=[
            {
                "epoch": epoch,
                "loss": 2.6 / epoch**0.4,
                "val_accuracy": 0.55 - 0.3 / epoch - 0.03 * place,
                "val_macro_f1": 0.51 - 0.32 / epoch - 0.03 * place,
            }
            for epoch in range(1, 9)
        ],
        risk=risk_coverage(steps, len(rows)),
        lengths=by_length(rows),
        plausible=plausible(rows),
        card={"network": "bidirectional GRU, 64 units each way", "parameters": "1,204,882"},
    )


def _words(text: str, seed: int) -> Sequence[Word]:
    draw = np.random.default_rng(seed)
    codes = DIALECTS.codes
    return [
        Word(
            word,
            None if place > 9 else float(draw.normal(0.2, 0.5)),
            ((codes[draw.integers(18)], 1.4), (codes[draw.integers(18)], 0.7))
            if draw.uniform() < 0.6
            else (),
        )
        for place, word in enumerate(text.split())
    ]


def _reading(draw: np.random.Generator, model: str, label: str, text: str) -> Reading:
    right = draw.uniform() < 0.7
    return Reading(
        model, label if right else "QA", float(draw.uniform(0.3, 1)), _words(text, draw.integers(99))
    )


def _stages() -> list[StageRun]:
    counts = {"input": 54044, "asked": 54044, "found": 50155, "missing": 3702, "failed": 187}
    clean = {"input": 50155, "clean": 49043, "quarantined": 1112, "quarantined.too_short": 702}
    return [
        StageRun(
            "scrape", "scrape-20260301T100000-aaaaaa", NOON, 95.2, counts, 3, 241.0, ["the API refused"]
        ),
        StageRun("clean", "clean-20260301T100200-bbbbbb", NOON, 31.71, clean),
        StageRun("train", "train-20260301T100300-cccccc", NOON, 7265, {"train": 39000, "val": 4900}),
    ]
