import os
from collections.abc import Iterator

import numpy as np
import pytest

from adc.cleaning import load_profile
from adc.model.bundle import Bundle, NetworkSpec
from adc.model.encoder import Encoder
from adc.model.evidence import Evidence
from adc.model.ngrams import gram_keys, pair_keys
from adc.model.quantised import Rows
from adc.model.stack import BAYES_GRAMS, Bayes, Judge, Stack

LABELS = ("EG", "MA", "SA")
WORDS = ("<user>", "كده", "عايز", "بزاف", "واش", "دابا", "وش", "ابغى", "الحين", "اليوم", "😂", "؟")


def weight_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's arrays by the names that the forward pass reads."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4, "none": 0}[spec.cell]
    inputs = spec.embedding + spec.evidence
    shapes: dict[str, tuple[int, ...]] = {}
    if spec.embedding:
        shapes["words"] = (spec.vocabulary, spec.embedding)
    if gates:
        for way in ("forward", "backward"):
            shapes |= {
                f"{way}_kernel": (inputs, gates * spec.units),
                f"{way}_recurrent": (spec.units, gates * spec.units),
                f"{way}_bias": (2, gates * spec.units) if spec.cell == "gru" else (gates * spec.units,),
            }
        shapes["attention"] = (2 * spec.units, 1)
    if spec.dense:
        shapes |= {"dense_kernel": (inputs, spec.dense), "dense_bias": (spec.dense,)}
    pooled = spec.evidence + (6 * spec.units if gates else 0) + 2 * spec.dense
    return shapes | {"logits_kernel": (pooled, spec.classes), "logits_bias": (spec.classes,)}


def random_weights(spec: NetworkSpec, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays of a network's shapes, drawn wide enough that its answers differ by word."""
    draw = np.random.default_rng(seed)
    shapes = weight_shapes(spec)
    return {name: draw.normal(0, 0.8, shape).astype(np.float32) for name, shape in shapes.items()}


def random_evidence(encoder: Encoder, classes: int = len(LABELS), seed: int = 0) -> Evidence:
    """Tables over some of the n-grams of WORDS, and two pairs of them, with random rows."""
    draw = np.random.default_rng(seed)
    width = 2 * classes

    def rows(count: int, zeros: int = 0) -> Rows:
        return Rows.of(np.concatenate([np.zeros((zeros, width)), draw.normal(0, 1, (count, width))]))

    grams = np.unique(gram_keys([f" {word} " for word in WORDS[::2]], 2, 5)[1])
    pairs = np.sort(pair_keys(np.array([3, 4, 7, 8]), np.array([2, 2])))[2:]
    return Evidence(
        words=rows(encoder.size - 2, zeros=2),
        word_idf=np.concatenate([np.zeros(2), draw.uniform(1, 5, encoder.size - 2)]).astype(np.float32),
        pairs=pairs,
        pair_rows=rows(len(pairs)),
        pair_idf=draw.uniform(1, 5, len(pairs)).astype(np.float32),
        grams=grams,
        gram_rows=rows(len(grams)),
        gram_idf=draw.uniform(1, 5, len(grams)).astype(np.float32),
        intercept=draw.normal(0, 0.1, classes).astype(np.float32),
    )


def random_stack(classes: int = len(LABELS), seed: int = 0) -> Stack:
    """Naive Bayes over the n-grams of some of WORDS, and a judge over three models, with random numbers."""
    draw = np.random.default_rng(seed)
    grams = np.unique(gram_keys([" ".join(WORDS[::2])], *BAYES_GRAMS)[1])
    bayes = Bayes.of(grams, draw.normal(0, 1, (len(grams), classes)), np.zeros(classes, np.float32))
    kernel = draw.normal(0, 0.5, (3 * classes, classes)).astype(np.float32)
    return Stack(Judge(np.array([1.0, 2.0, 3.0], np.float32), kernel, np.zeros(classes, np.float32)), bayes)


@pytest.fixture(scope="session", autouse=True)
def no_settings() -> Iterator[None]:
    """Settings that the shell has exported are those of no test, nor of a job that one starts."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("ADC_")]:
            environment.delenv(name)
        yield


@pytest.fixture(scope="session")
def tiny_bundle() -> Bundle:
    """A whole bundle with random weights: three dialects, a dozen words."""
    encoder = Encoder(WORDS, max_tokens=12)
    classes, dropouts = len(LABELS), (0.4, 0.5, 0.1)
    spec = NetworkSpec("gru", 4, 5, encoder.size, classes, *dropouts, evidence=2 * classes, dense=3)
    return Bundle(
        name="tiny",
        labels=LABELS,
        encoder=encoder,
        network=spec,
        weights=random_weights(spec),
        profile=load_profile("model"),
        evidence=random_evidence(encoder),
        stack=random_stack(),
        blend=0.4,
        temperature=1.25,
        metrics={"val": {"rows": 120, "accuracy": 0.5, "macro_f1": 0.25}},
        history=({"epoch": 1, "loss": 1.0, "seconds": 2.5},),
        made={"version": "0", "settings": {"seed": 0}},
    )


@pytest.fixture(scope="session")
def bundle_path(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of tiny_bundle."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle.save(folder)
    return str(folder)
