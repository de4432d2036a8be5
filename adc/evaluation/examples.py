"""The few texts that the report shows whole, with what the models saw in them."""

import random
from collections.abc import Sequence
from itertools import chain, zip_longest

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.dialects import Taxonomy
from adc.evaluation.report import Drawn, Example, Reading
from adc.model.explanation import Word, explain
from adc.model.predictor import Predictor

ERRORS_SHOWN = 25
TEXTS_SHOWN = 8


def most_confident_errors(rows: DataFrame, predictor: Predictor) -> list[Example]:
    """The wrong answers of which the model was surest, surest first."""
    errors = (
        rows.where("NOT correct AND predicted IS NOT NULL")
        .orderBy(F.desc("confidence"), "id")
        .select("id", "text", "label", "predicted", "confidence")
        .take(ERRORS_SHOWN)
    )
    clean = _cleaned(predictor, [row["text"] for row in errors])
    return [
        Example(
            row["id"],
            text,
            row["label"],
            row["predicted"],
            row["confidence"],
            explain(predictor, text, row["predicted"]),
        )
        for row, text in zip(errors, clean, strict=True)
    ]


def drawn_texts(
    truth: DataFrame, predictors: Sequence[Predictor], taxonomy: Taxonomy, seed: int
) -> list[Drawn]:
    """A few texts from all regions, whatever the models make of them; the same seed draws the same."""
    lot = F.sha2(F.concat_ws(" ", F.lit(str(seed)), "id"), 256)
    of_label = truth.groupBy("label").agg(F.min_by(F.struct("id", "text"), F.struct(lot, "id")).alias("row"))
    text_of = {row["label"]: row["row"] for row in of_label.collect()}
    labels = [label for label in taxonomy.codes if label in text_of]
    random.Random(seed).shuffle(labels)
    # A label of every region in turn, and then the next of every region.
    regions = [[label for label in labels if taxonomy.region_of[label] == name] for name in taxonomy.regions]
    chosen = [label for label in chain(*zip_longest(*regions)) if label][:TEXTS_SHOWN]
    chosen.sort(key=taxonomy.codes.index)
    texts = [text_of[label]["text"] for label in chosen]
    readings = [_readings(predictor, texts) for predictor in predictors]
    return [
        Drawn(text_of[label]["id"], label, of_text) for label, *of_text in zip(chosen, *readings, strict=True)
    ]


def _readings(predictor: Predictor, texts: Sequence[str]) -> list[Reading]:
    clean = _cleaned(predictor, texts)
    told = predictor.predict(clean).to_pylist()
    readings = []
    for text, row in zip(clean, told, strict=True):
        guess = row["top_k"][0]["dialect"] if row["top_k"] else None
        words = explain(predictor, text, guess) if guess else tuple(Word(w, None) for w in text.split())
        readings.append(Reading(predictor.bundle.model, guess, row["confidence"] if guess else None, words))
    return readings


def _cleaned(predictor: Predictor, texts: Sequence[str]) -> list[str]:
    cleaned: list[str] = predictor.clean(pa.array(texts, pa.string())).to_pylist()
    return cleaned
