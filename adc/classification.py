"""Classification of a handful of texts, without Spark or TensorFlow."""

import datetime
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from adc.errors import UsageError
from adc.layers import load_settings
from adc.model.bundle import SHIPPED, Bundle, load_bundle
from adc.model.predictor import COLUMNS, Predictor


def classify(texts: Iterable[str], bundle: Bundle | str | Path | None = None) -> pd.DataFrame:
    """The columns of the table `predictions`, one row a text, in the order given.

    `bundle` is a loaded bundle or its folder; without it, that of score.bundle, else the one that comes with
    adc. Confidences are calibrated probabilities, 0 to 1; the ids are those of an archive without ids,
    sha256:…. Raises UsageError for a folder that holds no bundle, and for one text that is not in a list.
    """
    if isinstance(texts, str):
        raise UsageError("classify takes a list of texts: classify([text])")
    settings = load_settings().score
    predictor = Predictor.of(
        bundle if isinstance(bundle, Bundle) else _stored(bundle or settings.bundle or SHIPPED), settings
    )
    # A gap in a column is an empty text.
    given = ("" if pd.isna(text) else text for text in texts)
    whole = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in given]
    told = predictor.predict(predictor.clean(pa.array(whole, pa.string())))
    predicted = pd.DataFrame(told.to_pylist(), columns=list(COLUMNS))
    hashed = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in whole]
    predicted.insert(0, "id", [f"sha256:{digits}" for digits in hashed])
    predicted.insert(1, "source", "classify")
    predicted.insert(2, "created_at", pd.Series(pd.NaT, index=predicted.index))
    predicted["model"] = predictor.bundle.model
    predicted["scored_at"] = pd.Timestamp(datetime.datetime.now(datetime.UTC))
    return predicted


@lru_cache(maxsize=4)
def _stored(place: str | Path) -> Bundle:
    return load_bundle(place)
