"""Why a model answered as it did, word by word."""

from dataclasses import dataclass

import numpy as np

from adc.model.encoder import Tokens
from adc.model.evidence import Evidence
from adc.model.predictor import Predictor

# Evidence over the mean of all dialects below this speaks for nobody: of real tweets' words three in four.
LEAST_EVIDENCE = 4.0
# Dialects that a word speaks for at most.
MOST_DIALECTS = 3


@dataclass(frozen=True)
class Word:
    """One token of a clean text.

    effect: the answer's log-odds with the word less those without it, so what it adds; None for what the
    model did not read, beyond its longest text. speaks_for: the dialects that the linear evidence of the
    word favours most, strongest first, with the strength; none from a model that reads no evidence.
    """

    text: str
    effect: float | None
    speaks_for: tuple[tuple[str, float], ...] = ()


def explain(predictor: Predictor, clean: str, answer: str, least: float = LEAST_EVIDENCE) -> tuple[Word, ...]:
    """Each word's part in `answer`, which is one of the bundle's labels, for a clean text.

    A word's effect is found by leaving it out (occlusion, Zeiler and Fergus 2014), which works for any
    network and counts what the word does to its neighbours. It speaks for dialects for which its evidence is
    `least` or more.
    """
    bundle = predictor.bundle
    tokens = bundle.encoder.tokens([clean])
    words = [tokens.words[word] for word in tokens.which]
    without = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    probabilities = predictor.probabilities([" ".join(words), *without])
    # Odds, not probabilities: near 1 these hardly move, whatever is left out.
    share = probabilities[:, bundle.labels.index(answer)].astype(np.float64).clip(1e-7, 1 - 1e-7)
    odds = np.log(share / (1 - share))
    favoured = _favoured(bundle.evidence, tokens) if bundle.evidence else None
    read = []
    for place, word in enumerate(words):
        speaks: list[tuple[str, float]] = []
        if favoured is not None:
            best = np.argsort(-favoured[place], kind="stable")[:MOST_DIALECTS]
            speaks = [(bundle.labels[label], float(favoured[place, label])) for label in best]
        loud = tuple(each for each in speaks if each[1] >= least)
        read.append(Word(word, float(odds[0] - odds[place + 1]), loud))
    return (*read, *(Word(word, None) for word in clean.split(" ")[len(words) :]))


def _favoured(evidence: Evidence, tokens: Tokens) -> np.ndarray:
    """Evidence for each class over the mean of all, both kinds of linear model added: (T, C)."""
    both = evidence.of_tokens(tokens).reshape(len(tokens.which), 2, -1).sum(axis=1)
    result: np.ndarray = both - both.mean(axis=1, keepdims=True)
    return result
