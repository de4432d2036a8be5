"""What the evaluation report tells, as values; adc/evaluation/page.py draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from adc.dialects import Taxonomy
from adc.evaluation.paired import Difference
from adc.evaluation.selective import LengthScore, Plausible, RiskCoverage
from adc.evaluation.shares import Corpus
from adc.metrics import Reliability, Score
from adc.model.explanation import Word


@dataclass(frozen=True)
class Example:
    """One scored tweet: its id, cleaned text, given label, predicted label and confidence (0 to 1).

    words: the text as the model read it, if that was looked into.
    """

    id: str
    text: str
    label: str
    predicted: str
    confidence: float
    words: Sequence[Word] = ()


@dataclass(frozen=True)
class Reading:
    """What one model made of a text: its best guess and confidence, None where it had nothing to judge."""

    model: str
    predicted: str | None
    confidence: float | None
    words: Sequence[Word]


@dataclass(frozen=True)
class Drawn:
    """A text drawn by lot, its label, and what each model made of it."""

    id: str
    label: str
    readings: Sequence[Reading]


@dataclass(frozen=True, eq=False)
class ModelReport:
    """What one model achieved on the split.

    errors: its most confident mistakes, most confident first.
    history: one row an epoch with `epoch` and any of the figures whose name ends in `loss`, `accuracy`
    or `f1` (`loss`, `train_accuracy`, `val_accuracy`, `val_macro_f1`); others are not drawn.
    card: small facts, such as cell, parameters, trained on.
    """

    name: str
    dialect: Score
    region: Score
    reliability: Reliability
    errors: Sequence[Example] = ()
    history: Sequence[Mapping[str, float]] = ()
    card: Mapping[str, str] = field(default_factory=dict)
    risk: RiskCoverage = field(default_factory=RiskCoverage)
    lengths: Sequence[LengthScore] = ()
    plausible: Plausible | None = None


@dataclass(frozen=True)
class StageRun:
    """The newest finished run of a stage of the pipeline, as in the table `runs`, and the others in short.

    counts: rows by outcome, in the order to be shown. A name with a dot, `quarantined.too_short`, is a
    part of the count before the dot. runs, all_seconds: of all its finished runs, this one too.
    failures: the errors of the runs that failed, newest first.
    """

    stage: str
    run_id: str
    started_at: datetime
    seconds: float
    counts: Mapping[str, int]
    runs: int = 1
    all_seconds: float = 0.0
    failures: Sequence[str] = ()


@dataclass(frozen=True)
class LeftOut:
    """Rows that a stage did not pass on, by the reason."""

    stage: str
    outcome: str
    reason: str
    n: int


@dataclass(frozen=True, eq=False)
class Report:
    """Everything the page shows. `labels` has the columns `label` and `n`: the data of the split.

    differences: between every two models, by `holm`. drawn: texts that all of them read. left_out: what the
    tables say now, over all runs. corpora: the dialect shares of all that was scored, if they were counted.
    """

    title: str
    made_at: datetime
    split: str
    taxonomy: Taxonomy
    models: Sequence[ModelReport]
    stages: Sequence[StageRun]
    labels: pd.DataFrame
    differences: Sequence[Difference] = ()
    drawn: Sequence[Drawn] = ()
    left_out: Sequence[LeftOut] = ()
    corpora: Sequence[Corpus] = ()
