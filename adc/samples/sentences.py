"""What a tweet says: a few clauses on one topic, in one voice, joined the way people join them."""

import random
from functools import cache
from typing import NamedTuple, TypeVar

from adc.samples.lexicons import Lexicon, fill, lexicon, surface

T = TypeVar("T")

# How much of its country a tweet shows. Much of what people write could come from next door or from
# anywhere, which is why good systems err on every other tweet of the real task.
_VOICES = {"own": 0.62, "region": 0.16, "common": 0.12, "msa": 0.10}
# In its own voice a country still says what its region says, in its own words, and what everybody says.
_OWN_MIX = {"own": 0.56, "regional": 0.22, "common": 0.16, "neighbour": 0.06}
_MIXES = {
    "own": _OWN_MIX,
    "region": {"region": 0.75, "common": 0.25},
    "common": {"common": 1.0},
    "msa": {"msa": 1.0},
}

_CLAUSES = {1: 0.24, 2: 0.40, 3: 0.26, 5: 0.10}
_MSA_CLAUSES = {1: 0.75, 2: 0.25}
_ONLY_REPLY = 0.06
_REPLY = 0.38
_CLOSER = 0.30
_BUT = 0.12
_BROKEN = 0.36  # of the texts; only those of two phrases or more show it
_BROKEN_JOINT = 0.7
_BREAKS = {"\n": 0.85, "\n\n": 0.10, "\r\n": 0.04, "\r": 0.01}


class _Source(NamedTuple):
    """Whose phrases are drawn, and whose words fill them, first come first."""

    phrases: Lexicon
    words: tuple[Lexicon, ...]

    def draw(self, phrases: list[str], rng: random.Random) -> str:
        return fill(rng.choice(phrases), self.words, rng)


def compose(dialect: str, rng: random.Random) -> str:
    """One text in the dialect of this country, in the spelling of the lexicons, with nothing on top."""
    voice = _pick(_VOICES, rng)
    main = _sources(dialect)[voice]
    broken = rng.random() < _BROKEN
    if rng.random() < _ONLY_REPLY:
        reply, closer = main.draw(main.phrases.replies, rng), main.draw(main.phrases.closers, rng)
        return reply + _joint(reply, broken, rng) + closer
    text = ""
    if rng.random() < _REPLY:
        text = main.draw(main.phrases.replies, rng)
        text += _joint(text, broken, rng)
    clauses = _clauses(dialect, voice, rng)
    text += clauses[0]
    for clause in clauses[1:]:
        but = main.draw([" $but "], rng) if rng.random() < _BUT else None
        text += (but or _joint(text, broken, rng)) + clause
    if rng.random() < _CLOSER:
        text += _joint(text, broken, rng) + main.draw(main.phrases.closers, rng)
    return text


def _clauses(dialect: str, voice: str, rng: random.Random) -> list[str]:
    """Clauses on one topic, no two from one template."""
    topic = rng.choice(list(lexicon("shared").clauses))
    wanted = _pick(_MSA_CLAUSES if voice == "msa" else _CLAUSES, rng)
    drawn: dict[str, str] = {}
    while len(drawn) < wanted:
        source = _source(dialect, _pick(_MIXES[voice], rng), rng)
        template = rng.choice(source.phrases.clauses[topic])
        if template not in drawn:
            drawn[template] = fill(template, source.words, rng)
    return list(drawn.values())


def _joint(text: str, broken: bool, rng: random.Random) -> str:
    """What goes between this text and the next phrase."""
    if broken and rng.random() < _BROKEN_JOINT:
        return _pick(_BREAKS, rng)
    return " " if text[-1] in "؟.!" else rng.choice(surface().connectors)


def _source(dialect: str, kind: str, rng: random.Random) -> _Source:
    if kind == "neighbour":
        return _sources(rng.choice(lexicon(dialect).neighbours))["own"]
    return _sources(dialect)[kind]


@cache
def _sources(dialect: str) -> dict[str, _Source]:
    own, shared, msa = lexicon(dialect), lexicon("shared"), lexicon("msa")
    region = lexicon(own.shares) if own.shares else shared
    return {
        "own": _Source(own, (own, region, shared)),
        "regional": _Source(region, (own, region, shared)),
        "region": _Source(region, (region, shared)),
        "common": _Source(shared, (shared,)),
        "msa": _Source(msa, (msa, shared)),
    }


def _pick(weights: dict[T, float], rng: random.Random) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]
