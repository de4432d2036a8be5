"""The configuration that all ranks of a training share, and its learning rate and best epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from adc.model.bundle import NetworkSpec
from adc.settings import Settings

# In the folder of a training. The number goes up with what checkpoints hold: those that an older adc has left
# are not taken up then, and the epochs start anew.
CHECKPOINTS = "checkpoints-2"


@dataclass(frozen=True)
class Plan:
    """All that a rank needs to know; the same on every rank.

    folder: the training's own, where checkpoints are, or empty where none are wanted. shards: where they are.
    Both are URIs that all ranks reach. blend: the linear models' share in the answer. patience: epochs
    without a better validation macro-F1 that are still run; 0: all.
    """

    folder: str
    shards: str
    labels: tuple[str, ...]
    network: NetworkSpec
    blend: float
    batch_size: int
    epochs: int
    learning_rate: float
    warmup_steps: int
    patience: int
    mixed_precision: bool
    xla: bool
    threads: int
    seed: int

    @classmethod
    def of(
        cls,
        settings: Settings,
        labels: tuple[str, ...],
        network: NetworkSpec,
        folder: str,
        shards: str,
        threads: int,
    ) -> Self:
        """As the settings ask for."""
        train = settings.train
        return cls(
            folder=folder,
            shards=shards,
            labels=labels,
            network=network,
            blend=settings.model.blend,
            batch_size=train.batch_size,
            epochs=train.epochs,
            learning_rate=train.learning_rate,
            warmup_steps=train.warmup_steps,
            patience=train.patience,
            mixed_precision=train.mixed_precision,
            xla=train.xla,
            threads=threads,
            seed=settings.seed,
        )


def learning_rate(step: int, steps: int, plan: Plan) -> float:
    """Linear warm-up, then cosine to nothing (Loshchilov and Hutter 2017)."""
    warmup = min(plan.warmup_steps, steps // 10)
    if step < warmup:
        return plan.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    return float(plan.learning_rate * 0.5 * (1 + np.cos(np.pi * min(1.0, share))))


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """The epoch of the best validation macro-F1, the first of equals; without validation rows the last."""
    figures = [row.get("val_macro_f1", row["epoch"]) for row in history]
    return int(np.argmax(figures)) + 1 if figures else 0
