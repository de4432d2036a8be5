"""From clean texts to the columns of `predictions`: the same code for Spark and for a single text."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning import clean_array
from adc.cleaning.patterns import ARABIC_LETTER
from adc.cleaning.rows import other_language
from adc.dialects import DIALECTS
from adc.model.bundle import Bundle
from adc.model.forward import Forward, softmax
from adc.model.stack import blended
from adc.model.word_table import WordTable
from adc.settings import ScoreSettings

# Tokens whose words are looked up together: words come again, and what each brings takes 2 kB.
TOKENS_AT_ONCE = 1 << 16
# One word can tell a dialect, a letter or two cannot.
MIN_LETTERS = 3
TOP_K = pa.list_(pa.struct([("dialect", pa.string()), ("probability", pa.float64())]))
# The columns of `predictions` that are told of a text.
PREDICTION = pa.struct(
    [
        ("dialect", pa.string()),
        ("confidence", pa.float64()),
        ("region", pa.string()),
        ("region_confidence", pa.float64()),
        ("plausible", pa.list_(pa.string())),
        ("top_k", TOP_K),
        ("note", pa.string()),
    ]
)
COLUMNS = tuple(column.name for column in PREDICTION)


@dataclass(frozen=True)
class Predictor:
    """A bundle, and by the settings score.… how its probabilities are computed and told."""

    bundle: Bundle
    settings: ScoreSettings = field(default_factory=ScoreSettings)

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

    def probabilities(self, clean: Sequence[str] | pa.Array) -> np.ndarray:
        """Calibrated, float (N, C). Equal texts are computed once, texts of like length together."""
        coded = pa.array(clean, pa.string()).dictionary_encode()
        distinct = coded.dictionary
        lengths = np.minimum(pc.count_substring(distinct, " ").to_numpy() + 1, self.bundle.encoder.max_tokens)
        order = np.argsort(lengths, kind="stable")
        full = np.arange(TOKENS_AT_ONCE, lengths.sum(), TOKENS_AT_ONCE)
        cuts = np.searchsorted(np.cumsum(lengths[order]), full, side="right")
        scores = np.empty((len(distinct), len(self.bundle.labels)), np.float32)
        for rows in np.split(order, cuts):
            with self._lock:
                scores[rows] = self._logits(distinct.take(pa.array(rows)))
        result: np.ndarray = softmax(scores, self.bundle.temperature)[coded.indices.to_numpy()]
        return result

    def _logits(self, texts: pa.Array) -> np.ndarray:
        """Float32 (N, C) of texts that differ, the shortest first."""
        tokens, evidence, words = self.bundle.encoder.tokens(texts), self.bundle.evidence, self._words
        rows = words.rows(tokens)
        row_of = rows[tokens.which]
        read = evidence if self.bundle.network.evidence else None
        if read is not None:
            known, places = read.pairs_of(tokens)
            pairs, pair_of = np.unique(known, return_inverse=True)
            of_pairs = self._forward.of_pairs(read.pair_rows[pairs])
        starts = np.cumsum(tokens.lengths) - tokens.lengths
        batch_size = self.settings.batch_size
        result = np.empty((len(texts), len(self.bundle.labels)), np.float32)
        most = min(len(texts), batch_size) * tokens.lengths.max(initial=0)
        space = np.empty((most, self._forward.width), np.float32)
        for start in range(0, len(texts), batch_size):
            batch = slice(start, start + batch_size)
            lengths = tokens.lengths[batch]
            steps = np.arange(lengths.max())[:, None]
            # Behind a text's end any word will do.
            flat = np.where(steps < lengths, starts[batch] + steps, starts[batch])  # (T, B)
            # Into memory that is there already: fresh pages cost as much as the copy.
            room = space[: flat.size]
            np.take(words.network, row_of[flat.ravel()], axis=0, out=room, mode="clip")
            inputs = room.reshape(*flat.shape, -1)  # (T, B, F)
            if read is not None:
                first, last = np.searchsorted(places, [starts[batch][0], starts[batch][-1] + lengths[-1]])
                closing = places[first:last]
                text = np.searchsorted(starts[batch], closing, side="right") - 1
                inputs[closing - starts[batch][text], text] += of_pairs[pair_of[first:last]]
            result[batch] = self._forward.logits(inputs, lengths)
        if self.bundle.stack is not None and evidence is not None:
            to_texts = words.stack.take(rows, axis=0, mode="clip")
            spelt = self.bundle.encoder.read(texts) if self.bundle.stack.bayes else ()
            linear = self.bundle.stack.log_probabilities(spelt, evidence.of_texts(tokens, to_texts))
            result = blended(result, linear, self.bundle.blend)
        return result

    @cached_property
    def _lock(self) -> threading.Lock:
        # What words bring is kept in one table, for all threads.
        return threading.Lock()

    @cached_property
    def _words(self) -> WordTable:
        return WordTable(self.bundle, self._forward, TOKENS_AT_ONCE + self.bundle.encoder.max_tokens)

    # Without what was computed on the way: only the fields travel to executors.
    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _forward(self) -> Forward:
        return Forward(self.bundle.weights, self.bundle.network.cell)

    def predict(self, clean: Sequence[str] | pa.Array) -> pa.StructArray:
        """PREDICTION, a row a clean text. What has no Arabic to judge gets a note instead."""
        clean = pa.array(clean, pa.string())
        notes = unjudged_notes(clean)
        judged = pc.is_null(notes)
        told = self._columns(self.probabilities(clean.filter(judged)))
        # A row that is not judged has nothing but its note.
        place = pc.if_else(judged, pc.subtract(pc.cumulative_sum(judged.cast(pa.int64())), 1), None)
        columns = {name: array.take(place) for name, array in told.items()}
        columns["note"] = pc.coalesce(notes, columns["note"])
        return pa.StructArray.from_arrays(
            [columns[column.name] for column in PREDICTION], fields=list(PREDICTION)
        )

    def _columns(self, probabilities: np.ndarray) -> dict[str, pa.Array]:
        """The columns of PREDICTION by name, (N,) each, from calibrated probabilities (N, C)."""
        labels, (regions, member) = pa.array(self.bundle.labels, pa.string()), self._regions
        count, classes = probabilities.shape
        region_mass = probabilities @ member  # (N, R)
        region = region_mass.argmax(axis=1) if count else np.zeros(0, np.int64)
        order = np.argsort(-probabilities, axis=1, kind="stable")  # (N, C)
        ranked = np.take_along_axis(probabilities, order, axis=1)
        # The smallest set of dialects that holds the mass: all before it is reached, and the one reaching it.
        before = np.cumsum(ranked, axis=1) < self.settings.plausible_mass
        sizes = np.minimum(before.sum(axis=1) + 1, classes)
        confidence = ranked[:, 0].astype(np.float64)
        low = confidence < self.settings.abstain_below
        top = min(self.settings.top_k, classes)
        listed = pa.StructArray.from_arrays(
            [
                labels.take(pa.array(order[:, :top].ravel())),
                pa.array(ranked[:, :top].ravel().astype(np.float64)),
            ],
            fields=list(TOP_K.value_type),
        )
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        in_plausible = np.arange(classes) < sizes[:, None]
        return {
            "dialect": labels.take(pa.array(order[:, 0], mask=low)),
            "confidence": pa.array(confidence),
            "region": pa.array(regions, pa.string()).take(pa.array(region)),
            "region_confidence": pa.array(
                np.minimum(1.0, region_mass[np.arange(count), region].astype(np.float64))
            ),
            "plausible": pa.ListArray.from_arrays(offsets, labels.take(pa.array(order[in_plausible]))),
            "top_k": pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * top, listed, type=TOP_K),
            "note": pa.array(np.where(low, "low_confidence", ""), mask=~low),
        }


def unjudged_notes(clean: pa.Array) -> pa.Array:
    """For each clean text why there is nothing to judge, or null.

    `no_arabic`: no letter, or Persian, Urdu or Kurdish by its letters; `too_short`: too few letters.
    """
    # Matching ends at the third letter, counting would read on. Marker tokens have none.
    enough = pc.match_substring_regex(clean, f"({ARABIC_LETTER}[^{ARABIC_LETTER[1:]}*){{{MIN_LETTERS}}}")
    some = pc.match_substring_regex(clean, ARABIC_LETTER)
    short = pc.if_else(some, "too_short", "no_arabic")
    notes = pc.if_else(enough, pa.scalar(None, pa.string()), short)
    return pc.if_else(other_language(clean), "no_arabic", notes)
