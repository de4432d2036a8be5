"""Classification of a handful of texts, without Spark or TensorFlow."""

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from adc.errors import UsageError
from adc.model.bundle import MANIFEST, SHIPPED, Bundle, load_bundle
from adc.model.predictor import COLUMNS, Predictor
from adc.settings import ScoreSettings
from adc.settings_layers import load_settings
from adc.texts import whole_text

# The types of columns that pandas cannot tell where they hold nothing.
DTYPES: dict[str, Any] = {
    "id": object,
    **dict.fromkeys(("confidence", "region_confidence"), "float64"),
    **dict.fromkeys(("created_at", "scored_at"), "datetime64[us, UTC]"),
}


def classify(texts: Iterable[str], bundle: Bundle | str | Path | None = None) -> pd.DataFrame:
    """The columns of the table `predictions`, one row a text, in the order given.

    `bundle` is a loaded bundle or its folder; without it, that of score.bundle, else the one that comes with
    adc. Confidences are calibrated probabilities, 0 to 1; the ids are those of an archive without ids,
    sha256:…. A Series keeps its index. Raises UsageError for a folder that holds no bundle, for one text that
    is not in a list, and for what is no text in it.
    """
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
        raise UsageError("classify takes a list of texts: classify([text])")
    if isinstance(texts, pd.DataFrame):
        raise UsageError("classify takes a column of texts, not a table: classify(table['text'])")
    settings = load_settings().score
    predictor = Predictor(chosen_bundle(bundle, settings), settings)
    whole = [whole_text(text, f"classify takes texts, and number {n}") for n, text in enumerate(texts, 1)]
    told = predictor.predict(predictor.clean(pa.array(whole, pa.string())))
    predicted = pd.DataFrame(told.to_pylist(), columns=list(COLUMNS))
    hashed = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in whole]
    columns = {
        "id": [f"sha256:{digits}" for digits in hashed],
        "source": "classify",
        "created_at": None,
        **predicted,
        "model": predictor.bundle.model,
        "scored_at": pd.Timestamp(datetime.datetime.now(datetime.UTC)),
    }
    frame = pd.DataFrame(columns, index=predicted.index).astype(DTYPES)
    return frame.set_axis(texts.index) if isinstance(texts, pd.Series) else frame


def chosen_bundle(bundle: Bundle | str | Path | None, settings: ScoreSettings) -> Bundle:
    """That bundle; that of a folder; or of none, that of score.bundle, else the one that comes with adc."""
    place = (settings.bundle or SHIPPED) if bundle is None else bundle
    return place if isinstance(place, Bundle) else _stored(place)


def _stored(place: str | Path) -> Bundle:
    """The bundle that is there now, kept from call to call."""
    manifest = Path(place).resolve() / MANIFEST
    return _loaded(manifest.parent, manifest.stat().st_mtime_ns if manifest.is_file() else 0)


@lru_cache(maxsize=4)
def _loaded(place: Path, changed: int) -> Bundle:
    return load_bundle(place)
