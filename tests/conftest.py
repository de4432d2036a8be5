import numpy as np
import pytest

from adc.cleaning import load_profile
from adc.model.bundle import Bundle, NetworkSpec
from adc.model.encoder import Encoder

LABELS = ("EG", "MA", "SA")
WORDS = ("<user>", "كده", "عايز", "بزاف", "واش", "دابا", "وش", "ابغى", "الحين", "اليوم", "😂", "؟")


def random_weights(spec: NetworkSpec, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays of a network's shapes, drawn wide enough that its answers differ by word."""
    gates = {"gru": 3, "lstm": 4}[spec.cell]
    bias = (2, gates * spec.units) if spec.cell == "gru" else (gates * spec.units,)
    shapes: dict[str, tuple[int, ...]] = {"words": (spec.vocabulary, spec.embedding)}
    for way in ("forward", "backward"):
        shapes |= {
            f"{way}_kernel": (spec.embedding, gates * spec.units),
            f"{way}_recurrent": (spec.units, gates * spec.units),
            f"{way}_bias": bias,
        }
    shapes |= {"logits_kernel": (4 * spec.units, spec.classes), "logits_bias": (spec.classes,)}
    draw = np.random.default_rng(seed)
    return {name: draw.normal(0, 0.8, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def tiny_bundle() -> Bundle:
    """A whole bundle with random weights: three dialects, a dozen words."""
    encoder = Encoder(WORDS, max_tokens=12)
    spec = NetworkSpec("gru", 4, 5, encoder.size, len(LABELS), 0.4)
    return Bundle(
        name="tiny",
        labels=LABELS,
        encoder=encoder,
        network=spec,
        weights=random_weights(spec),
        profile=load_profile("model"),
        temperature=1.25,
        metrics={"val": {"rows": 120, "accuracy": 0.5, "macro_f1": 0.25}},
        history=({"epoch": 1, "loss": 1.0, "seconds": 2.5},),
        made={"version": "0", "settings": {"seed": 0}},
    )
