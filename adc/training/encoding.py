"""From clean labelled texts to rows of training shards: token ids, evidence, and what is to be learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from adc.errors import UsageError
from adc.model.bundle import NetworkSpec
from adc.model.encoder import Encoder
from adc.model.evidence import Evidence
from adc.model.stack import Stack
from adc.settings import ModelSettings, Settings
from adc.training.batches import evidence_type
from adc.training.cross_fit import Linear
from adc.training.folds import NONE, as_learnt, folds_of

SHARD = pa.schema(
    [
        ("tokens", pa.list_(pa.int32())),
        # (T, 2C), row by row, of `evidence_type`; Spark has no float16.
        ("evidence", pa.binary()),
        ("label", pa.int32()),
        ("target", pa.list_(pa.float32())),
        # The linear models' log-probabilities (C,), of training rows by models that have not seen them; or
        # nothing.
        ("linear", pa.list_(pa.float32())),
        ("weight", pa.float32()),
        ("split", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class Encoding:
    """evidence: by fold, the last for rows in none; empty where the network reads none.

    stack: the linear models of whole texts, where they share the answer, and their evidence.
    soft_labels: the teacher's share in a target; smoothing: the part of a label given to all classes alike.
    class_weights: (C,), by which the weights of training rows are multiplied.
    plain_share: the part of the training rows that are read without a tweet's marks.
    by_text: the labels whose rows are in folds whoever wrote them, as those that the linear models saw.
    """

    encoder: Encoder
    labels: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    soft_labels: float
    smoothing: float
    class_weights: np.ndarray
    plain_share: float = 0.0
    stack: tuple[Stack, Evidence] | None = None
    by_text: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        settings: Settings,
        encoder: Encoder,
        labels: tuple[str, ...],
        linear: Linear | None,
        counts: Mapping[str, int],
    ) -> Self:
        """As the settings ask for; `counts` are training tweets by label."""
        return cls(
            encoder,
            labels,
            linear.evidence if linear and settings.model.evidence else (),
            settings.model.soft_labels,
            settings.train.smoothing,
            class_weights(counts, labels, settings.train.class_weight),
            settings.train.plain_share,
            (linear.stack, linear.evidence[NONE]) if linear and settings.model.blend else None,
            linear.by_text if linear else frozenset(),
        )

    def network(self, model: ModelSettings) -> NetworkSpec:
        """The network that the settings ask for, over what the encoding gives it."""
        evidence = self.evidence[NONE].width if self.evidence else 0
        return network_spec(model, self.encoder.size, len(self.labels), evidence)

    def rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of SHARD from clean, dialect, text_hash, author, split, weight and teacher.

        teacher: the linear models' log-probabilities (C,), of training rows they were fitted on, or NULL.
        """
        split = batch.column("split").to_pylist()
        learnt = np.array([name == "train" for name in split], dtype=bool)
        hashes = batch.column("text_hash").to_pylist()
        dialects = batch.column("dialect").to_pylist()
        folds = folds_of(hashes, batch.column("author").to_pylist(), dialects, self.by_text)
        clean = batch.column("clean").to_pylist()
        bare = as_learnt(clean, hashes, self.plain_share)
        texts = [typed if train else text for typed, text, train in zip(bare, clean, learnt, strict=True)]
        tokens, evidence = self._encoded(texts, np.where(learnt, folds, NONE))
        number_of = {label: number for number, label in enumerate(self.labels)}
        labels = np.array([number_of[label] for label in dialects], np.int32)
        teacher = batch.column("teacher").to_pylist()
        weights = batch.column("weight").to_numpy(zero_copy_only=False).astype(np.float32)
        return pa.RecordBatch.from_arrays(
            [
                pa.array(tokens, SHARD.field("tokens").type),
                pa.array(evidence, pa.binary()),
                pa.array(labels),
                pa.array(list(self._targets(labels, teacher)), pa.list_(pa.float32())),
                pa.array(list(self._linear(texts, teacher)), pa.list_(pa.float32())),
                pa.array(np.where(learnt, weights * self.class_weights[labels], weights).astype(np.float32)),
                batch.column("split"),
            ],
            schema=SHARD,
        )

    def _encoded(self, texts: list[str], folds: np.ndarray) -> tuple[list[list[int]], list[bytes]]:
        if not self.evidence:
            return self.encoder.encode_all(texts), [b""] * len(texts)
        tokens: list[list[int]] = [[]] * len(texts)
        evidence = [b""] * len(texts)
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            read = self.encoder.tokens([texts[row] for row in rows])
            flat = self.evidence[fold].of_tokens(read).astype(evidence_type(fold != NONE))
            parts = np.split(flat, np.cumsum(read.lengths)[:-1])
            for row, ids, part in zip(rows, read.by_text(), parts, strict=True):
                tokens[row], evidence[row] = ids, part.tobytes()
        return tokens, evidence

    def _linear(self, texts: list[str], teacher: Sequence[Sequence[float] | None]) -> np.ndarray:
        if self.stack is None:
            return np.zeros((len(texts), 0), np.float32)
        stack, evidence = self.stack
        result = np.empty((len(texts), len(self.labels)), np.float32)
        new = [row for row, known in enumerate(teacher) if known is None]
        fresh = [texts[row] for row in new]
        result[new] = stack.log_probabilities(
            self.encoder.read(fresh), evidence.of_texts(self.encoder.tokens(fresh))
        )
        for row, known in enumerate(teacher):
            if known is not None:
                result[row] = known
        return result

    def _targets(self, labels: np.ndarray, teacher: Sequence[Sequence[float] | None]) -> np.ndarray:
        classes = len(self.labels)
        hard = np.eye(classes, dtype=np.float32)[labels] * (1 - self.smoothing) + self.smoothing / classes
        taught = np.array([row is not None for row in teacher], dtype=bool)
        soft = hard.copy()
        if taught.any():
            soft[taught] = np.exp(np.array([row for row in teacher if row is not None], np.float32))
        result: np.ndarray = (1 - self.soft_labels) * hard + self.soft_labels * soft
        return result


def refuse_blind(model: ModelSettings) -> None:
    """Raises UsageError for settings of a network that would read nothing."""
    if not model.evidence and not (model.embedding and (model.dense or model.cell != "none")):
        raise UsageError(
            "the network would read nothing: without model.evidence it needs model.embedding, and "
            "model.cell or model.dense"
        )


def network_spec(model: ModelSettings, vocabulary: int, classes: int, evidence: int) -> NetworkSpec:
    """The network that the settings ask for, over so many words and numbers of evidence a token."""
    return NetworkSpec(
        cell=model.cell,
        units=model.units,
        # Where no layer reads words they have no vectors.
        embedding=model.embedding if model.dense or model.cell != "none" else 0,
        vocabulary=vocabulary,
        classes=classes,
        dropout=model.dropout,
        output_dropout=model.output_dropout,
        evidence_dropout=model.evidence_dropout,
        evidence=evidence,
        dense=model.dense,
    )


def class_weights(counts: Mapping[str, int], labels: Sequence[str], power: float) -> np.ndarray:
    """(mean / n) ** power by label, float (C,): rare classes weigh more; 0 weighs all rows alike."""
    found = np.array([counts[label] for label in labels], np.float64)
    weights: np.ndarray = (found.mean() / found) ** power
    return weights.astype(np.float32)
