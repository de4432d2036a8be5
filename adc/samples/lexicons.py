"""Word lists, phrases and templates of a country, of its region, and of everybody; from `lexicon/*.yaml`."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

# The C loader reads the files ten times faster; wheels of pyyaml have it, some source builds do not.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SLOT = re.compile(r"\$([a-z_]+)")


@dataclass(frozen=True)
class Lexicon:
    """What one country, one region, or everybody says.

    `words` are lists that the templates draw on by name (`$dish`), `clauses` are templates by topic,
    `replies` open a text, `closers` end one. `shares` names the region's lexicon, `neighbours` the countries
    whose words turn up here.
    """

    words: dict[str, list[str]] = field(default_factory=dict)
    clauses: dict[str, list[str]] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    closers: list[str] = field(default_factory=list)
    hashtags: list[str] = field(default_factory=list)
    arabizi: list[str] = field(default_factory=list)
    shares: str | None = None
    neighbours: list[str] = field(default_factory=list)
    flag: str = ""


@dataclass(frozen=True)
class Surface:
    """What lies on top of the words of any country."""

    connectors: list[str]
    latin: list[str]
    foreign: list[str]
    emoji: list[str]
    entities: list[str]
    tashkeel: dict[str, str]


@cache
def lexicon(name: str) -> Lexicon:
    """The lexicon of a dialect code (`EG`), of a region (`gulf`), `msa` or `shared`."""
    return Lexicon(**_read(name))


@cache
def surface() -> Surface:
    """The marks, joints and foreign words that go on any text."""
    return Surface(**_read("surface"))


def fill(template: str, words_of: Sequence[Lexicon], rng: random.Random) -> str:
    """The template with each `$name` drawn from the first of the lexicons that has a list of that name.

    A name used twice is drawn twice. KeyError for a name that none of them has.
    """

    def draw(slot: re.Match[str]) -> str:
        name = slot[1]
        for source in words_of:
            if name in source.words:
                word = rng.choice(source.words[name])
                after_li = template.endswith("ل", 0, slot.start())
                return word[1:] if after_li and word.startswith("ال") else word  # ل + ال is written لل
        raise KeyError(f"no word list named {name!r} for {template!r}")

    return _SLOT.sub(draw, template)


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath("lexicon", f"{name}.yaml").read_text(encoding="utf-8")
    entries: dict[str, Any] = yaml.load(text, Loader=_Loader)
    return entries
