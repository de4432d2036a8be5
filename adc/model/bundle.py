"""A trained model as one folder: plain arrays, encoder, labels, cleaning profile, calibration, metrics.

It loads with no pickle, no Spark and no TensorFlow. A folder that does not match its own checksum or
this format is refused by name.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from adc.cleaning.profiles import RULES_VERSION, SAME_SINCE, Profile, profile_of
from adc.errors import UsageError
from adc.model.encoder import Encoder
from adc.model.evidence import Evidence
from adc.model.stack import Stack

FORMAT = 5
MANIFEST, WEIGHTS, VOCABULARY, CARD = "manifest.json", "weights.npz", "vocabulary.txt", "README.md"
EVIDENCE, STACK = "evidence.npz", "stack.npz"
# What a bundle's folder may hold beside its manifest.
PARTS = {WEIGHTS, VOCABULARY, CARD, EVIDENCE, STACK}
# The bundle that comes with the package, trained by benchmarks/bundle.py; docs/model.md tells of it.
SHIPPED = Path(__file__).parents[1] / "bundle"


@dataclass(frozen=True)
class NetworkSpec:
    """The network's shape.

    cell: lstm, gru, rnn or none. vocabulary: rows of the embedding table; embedding: its columns, or 0.
    evidence: numbers of evidence a token, or 0. dense: size of the dense path beside the cell, or 0.
    classes: labels. dropout: of word vectors' channels; evidence_dropout: of tokens' evidence;
    output_dropout: of what the last layer sees.
    """

    cell: str
    units: int
    embedding: int
    vocabulary: int
    classes: int
    dropout: float
    output_dropout: float
    evidence_dropout: float
    evidence: int = 0
    dense: int = 0

    def describe(self) -> str:
        """The network in a few words."""
        if self.cell == "none":
            return "no recurrence"
        return f"bidirectional {self.cell.upper()}, {self.units} units each way"


@dataclass(frozen=True)
class Bundle:
    """Everything that scoring needs, and how it was made.

    evidence: the tables under the network and the stack, if either reads any. stack: the linear models of
    whole texts, which have the share `blend` in the answer. temperature: calibrates the answer's logits.
    metrics: figures by split. history: a row an epoch.
    made: what it was made from and with: settings, data and code versions. rules: the version of the
    cleaning rules it was made under.
    """

    name: str
    labels: tuple[str, ...]
    encoder: Encoder
    network: NetworkSpec
    weights: Mapping[str, np.ndarray]
    profile: Profile
    evidence: Evidence | None = None
    stack: Stack | None = None
    blend: float = 0.0
    temperature: float = 1.0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    made: Mapping[str, Any] = field(default_factory=dict)
    rules: int = RULES_VERSION

    @cached_property
    def checksum(self) -> str:
        """64 hex digits over all that the bundle holds, but for what differs when it is made again.

        So the same training has the same name, and what it has scored need not be scored anew.
        """
        timeless = self._manifest()
        timeless["history"] = [{k: v for k, v in row.items() if k != "seconds"} for row in self.history]
        timeless["made"] = {n: value for n, value in self.made.items() if n not in ("data", "code")}
        digest = hashlib.sha256(json.dumps(timeless, sort_keys=True).encode())
        digest.update("\n".join(self.encoder.vocabulary).encode())
        for arrays in self._arrays().values():
            for name in sorted(arrays):
                array = np.ascontiguousarray(arrays[name])
                digest.update(f"{name} {array.dtype} {array.shape}".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()

    def _arrays(self) -> dict[str, Mapping[str, np.ndarray]]:
        """The bundle's arrays, by the files that hold them."""
        arrays = {WEIGHTS: self.weights}
        if self.evidence:
            arrays[EVIDENCE] = self.evidence.arrays()
        if self.stack:
            arrays[STACK] = self.stack.arrays()
        return arrays

    @property
    def model(self) -> str:
        """The name under which predictions are kept: name@checksum."""
        return f"{self.name}@{self.checksum[:8]}"

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "labels": list(self.labels),
            "max_tokens": self.encoder.max_tokens,
            "network": asdict(self.network),
            "profile": {"name": self.profile.name, "switches": dict(self.profile.switches)},
            "rules": self.rules,
            "blend": self.blend,
            "temperature": self.temperature,
            "metrics": self.metrics,
            "history": [dict(row) for row in self.history],
            "made": self.made,
        }

    def save(self, folder: Path) -> None:
        """Writes the bundle's files to a folder, made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / VOCABULARY).write_text("\n".join(self.encoder.vocabulary), encoding="utf-8", newline="\n")
        for name, arrays in self._arrays().items():
            np.savez_compressed(folder / name, allow_pickle=False, **arrays)
        (folder / CARD).write_text(model_card(self), encoding="utf-8")
        manifest = {"checksum": self.checksum} | self._manifest()
        (folder / MANIFEST).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )


def load_bundle(folder: str | Path) -> Bundle:
    """Reads a bundle; raises UsageError naming the folder and what is wrong with it."""
    place = Path(folder)
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("format") != FORMAT:
            raise UsageError(f"it has format {manifest.get('format')}; this adc reads format {FORMAT}")
        if not SAME_SINCE <= manifest["rules"] <= RULES_VERSION:
            remedy = "train it again" if manifest["rules"] < RULES_VERSION else "upgrade adc"
            raise UsageError(
                f"it was trained under version {manifest['rules']} of the cleaning rules; this adc has "
                f"version {RULES_VERSION}: {remedy}"
            )
        vocabulary = (place / VOCABULARY).read_text(encoding="utf-8")
        network = NetworkSpec(**manifest["network"])
        blend = manifest["blend"]
        reads_evidence = network.evidence or blend
        bundle = Bundle(
            name=manifest["name"],
            labels=tuple(manifest["labels"]),
            encoder=Encoder(tuple(vocabulary.split("\n")) if vocabulary else (), manifest["max_tokens"]),
            network=network,
            weights=_read_arrays(place / WEIGHTS),
            evidence=Evidence.of_arrays(_read_arrays(place / EVIDENCE)) if reads_evidence else None,
            stack=Stack.of_arrays(_read_arrays(place / STACK)) if blend else None,
            blend=blend,
            profile=profile_of(manifest["profile"]["name"], manifest["profile"]["switches"]),
            temperature=manifest["temperature"],
            metrics=manifest["metrics"],
            history=tuple(manifest["history"]),
            made=manifest["made"],
            rules=manifest["rules"],
        )
        checksum = manifest["checksum"]
    except FileNotFoundError as error:
        if not place.exists():
            raise UsageError(f"bundle {place} does not exist") from None
        raise UsageError(f"{place} is not a bundle: it has no {Path(error.filename).name}") from None
    except UsageError as error:
        raise UsageError(f"bundle {place}: {error}") from None
    except Exception as error:
        # A torn file shows itself in many ways (zip, JSON, UTF-8, missing keys): one answer for all.
        raise UsageError(f"bundle {place} is damaged: {type(error).__name__}: {error}") from None
    if bundle.checksum != checksum:
        raise UsageError(f"bundle {place} does not match its own checksum: it was changed after it was made")
    return bundle


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def model_card(bundle: Bundle) -> str:
    """What a person should know of the bundle before using it, as Markdown."""
    figures = [
        f"| {split} | {_tweets(values)} | {100 * values['accuracy']:.1f} | {100 * values['macro_f1']:.1f} |"
        for split, values in bundle.metrics.items()
    ]
    if bundle.evidence and "train" in bundle.metrics:
        figures += [
            "",
            "The figures of the split train are out of fold: by linear models that had not seen the tweet.",
        ]
    figures += _dialect_table(bundle.metrics)
    return "\n".join(
        [
            f"# {bundle.name}",
            "",
            f"Says which of {len(bundle.labels)} dialects an Arabic tweet is written in: "
            f"{', '.join(bundle.labels)}.",
            "",
            f"{_architecture(bundle)}; cleaning profile `{bundle.profile.name}`; checksum {bundle.checksum}.",
            "",
            "| split | tweets | accuracy % | macro-F1 % |",
            "|---|---|---|---|",
            *figures,
            "",
            "Dialects of neighbouring countries overlap, and many tweets carry no mark of any: read the",
            "probabilities and `plausible`, not the first guess alone. It must not be used to decide where a",
            "person comes from.",
            "",
        ]
    )


def _tweets(values: Mapping[str, Any]) -> str:
    """Of how many tweets of a split its figures are."""
    return f"{values['judged']:,} of {values['rows']:,}" if "judged" in values else f"{values['rows']:,}"


def _dialect_table(metrics: Mapping[str, Any]) -> list[str]:
    """The figures by dialect of the split that was learnt from least, if any are kept."""
    split = next((name for name in ("test", "val", "train") if "dialects" in metrics.get(name, {})), None)
    if split is None:
        return []
    return [
        "",
        f"| dialect, of {split} | tweets | precision % | recall % | F1 % |",
        "|---|---|---|---|---|",
        *(
            f"| {label} | {values['support']:,} | {100 * values['precision']:.1f} | "
            f"{100 * values['recall']:.1f} | {100 * values['f1']:.1f} |"
            for label, values in metrics[split]["dialects"].items()
        ),
    ]


def _architecture(bundle: Bundle) -> str:
    network = bundle.network
    cell = network.describe()
    words = f"vectors of {len(bundle.encoder.vocabulary):,} words" if network.embedding else ""
    evidence = "class evidence of words, pairs and character n-grams" if network.evidence else ""
    inputs = " and ".join(part for part in (words, evidence) if part)
    shared = f", with {100 * bundle.blend:.0f} % of the answer by linear models" if bundle.blend else ""
    return f"{cell[0].upper()}{cell[1:]}, on {inputs}{shared}"
