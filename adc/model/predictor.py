"""From clean texts to the columns of `predictions`: the same code for Spark and for a single text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning import clean_array
from adc.cleaning.patterns import ARABIC_LETTER
from adc.cleaning.rows import MARKER_TOKEN
from adc.dialects import DIALECTS
from adc.model.bundle import Bundle
from adc.model.encoder import padded
from adc.model.evidence import encoded, padded_evidence
from adc.model.forward import logits, softmax
from adc.settings import ScoreSettings

# One word can tell a dialect, a letter or two cannot.
MIN_LETTERS = 3
COLUMNS = ("dialect", "confidence", "region", "region_confidence", "plausible", "top_k", "note")


@dataclass(frozen=True)
class Predictor:
    """A bundle and how its probabilities are told; see the settings score.…"""

    bundle: Bundle
    abstain_below: float = 0.0
    plausible_mass: float = 0.9
    top_k: int = 3
    batch_size: int = 256

    @classmethod
    def of(cls, bundle: Bundle, settings: ScoreSettings) -> Self:
        """The predictor that score.… asks for."""
        return cls(
            bundle, settings.abstain_below, settings.plausible_mass, settings.top_k, settings.batch_size
        )

    @cached_property
    def _regions(self) -> tuple[list[str], np.ndarray]:
        """The regions, and (C, R) of 1 where a label is in a region."""
        taxonomy = DIALECTS.restricted_to(self.bundle.labels)
        regions = list(taxonomy.regions)
        member = np.zeros((len(self.bundle.labels), len(regions)), np.float32)
        for row, label in enumerate(self.bundle.labels):
            member[row, regions.index(taxonomy.region_of[label])] = 1
        return regions, member

    def clean(self, texts: pa.Array) -> pa.Array:
        """Texts as fetched, cleaned as those that the bundle was trained on."""
        return clean_array(texts, self.bundle.profile)

    def probabilities(self, clean: Sequence[str]) -> np.ndarray:
        """Calibrated, float (N, C). Equal texts are computed once, texts of like length together."""
        distinct, places = np.unique(np.array(clean, dtype=object), return_inverse=True)
        order = np.argsort([text.count(" ") for text in distinct], kind="stable")
        scores = np.empty((len(distinct), len(self.bundle.labels)), np.float32)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            sequences, evidence = encoded(distinct[rows].tolist(), self.bundle.encoder, self.bundle.evidence)
            tokens = padded(sequences)
            lengths = np.array([len(sequence) for sequence in sequences])
            scores[rows] = logits(
                self.bundle.weights,
                self.bundle.network.cell,
                tokens,
                padded_evidence(evidence, lengths, tokens.shape[1]),
            )
        return softmax(scores, self.bundle.temperature)[places]

    def predict(self, clean: Sequence[str]) -> pd.DataFrame:
        """COLUMNS of `predictions`, a row a clean text. What has no Arabic to judge gets a note instead."""
        notes = judged_notes(clean)
        judged = np.array([note is None for note in notes], dtype=bool)
        rows: dict[str, list[object]] = {name: [None] * len(notes) for name in COLUMNS}
        rows["note"] = list(notes)
        if judged.any():
            found = self._told(
                self.probabilities([text for text, yes in zip(clean, judged, strict=True) if yes])
            )
            for place, row in zip(np.flatnonzero(judged), found, strict=True):
                for name, value in zip(COLUMNS, row, strict=True):
                    rows[name][place] = value
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _told(self, probabilities: np.ndarray) -> list[tuple[object, ...]]:
        labels, (regions, member) = self.bundle.labels, self._regions
        region_mass = probabilities @ member  # (N, R)
        order = np.argsort(-probabilities, axis=1, kind="stable")  # (N, C)
        ranked = np.take_along_axis(probabilities, order, axis=1)
        # The smallest set of dialects that holds the mass: all before it is reached, and the one reaching it.
        sizes = np.minimum((np.cumsum(ranked, axis=1) < self.plausible_mass).sum(axis=1) + 1, len(labels))
        told: list[tuple[object, ...]] = []
        for row, (best, values) in enumerate(zip(order, ranked, strict=True)):
            confidence = float(values[0])
            region = int(region_mass[row].argmax())
            low = confidence < self.abstain_below
            told.append(
                (
                    None if low else labels[best[0]],
                    confidence,
                    regions[region],
                    float(min(1.0, region_mass[row, region])),
                    [labels[label] for label in best[: sizes[row]]],
                    [
                        {"dialect": labels[label], "probability": float(value)}
                        for label, value in zip(best[: self.top_k], values, strict=False)
                    ],
                    "low_confidence" if low else None,
                )
            )
        return told


def judged_notes(clean: Sequence[str]) -> list[str | None]:
    """For each clean text why there is nothing to judge (`no_arabic`, `too_short`), or None."""
    bare = pc.replace_substring_regex(pa.array(clean, pa.string()), MARKER_TOKEN, "")
    letters = pc.count_substring_regex(bare, ARABIC_LETTER).to_pylist()
    return ["no_arabic" if not n else "too_short" if n < MIN_LETTERS else None for n in letters]
