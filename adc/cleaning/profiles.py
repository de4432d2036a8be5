"""Profiles: which rules are on, and how. `model` and `light` ship; a user's own is a YAML file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from adc.cleaning.rules import RULES, Rule, trimmed, with_marker_tokens, without_private_use
from adc.cleaning.words import Kind, clean_words, kinds_by_byte
from adc.errors import UsageError
from adc.texts import whole_text

# Part of every profile's hash: raised when what a rule does changes, so that tables are cleaned anew.
RULES_VERSION = 8
# Since this version every profile of then does what it did: rules have been added, none changed.
SAME_SINCE = 7
# From so many texts on, it pays to take them apart into words.
MANY = 500


@dataclass(frozen=True)
class Profile:
    """Switches by rule name: a rule that is not named is off."""

    name: str
    switches: Mapping[str, str]

    @cached_property
    def hash(self) -> str:
        """16 hex digits that change with any switch and with the rules themselves."""
        content = json.dumps([RULES_VERSION, dict(self.switches)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def clean_array(texts: pa.Array, profile: Profile) -> pa.Array:
    """A column of texts (N,), cleaned; NULL stays NULL."""
    texts = without_private_use(texts.cast(pa.string()))
    if "line_breaks" in profile.switches:
        # One at an end, as lines of a file have it, breaks nothing.
        texts = pc.utf8_trim_whitespace(texts)
    rules = [rule for rule in RULES if rule.name in profile.switches]
    steps = [(rule.needs, rule.choices[profile.switches[rule.name]]) for rule in rules]
    steps.append((Kind.ANY, with_marker_tokens))
    # But not where spaces count, or marks, whose order NFKC may change in all of a text.
    if len(texts) >= MANY and profile.switches.keys() >= {"tashkeel", "white_space"}:
        kinds = kinds_by_byte("".join(rule.letters for rule in rules))
        return trimmed(clean_words(texts, kinds, steps))
    for _, step in steps:
        texts = step(texts)
    return texts


def clean_text(text: str, profile: str | Profile = "light") -> str:
    """One text, cleaned: the same rules as for columns. Lone surrogates become U+FFFD.

    A gap in a column, as by `table["text"].map(clean)`, is an empty text. Raises UsageError for what is none.
    """
    known = load_profile(profile) if isinstance(profile, str) else profile
    whole = whole_text(text, "clean takes one text (a column: table['text'].map(clean)), and this")
    cleaned: str = clean_array(pa.array([whole], pa.string()), known)[0].as_py()
    return cleaned


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by its name, or one from a YAML file; raises UsageError for what is wrong in it."""
    shipped = files("adc.cleaning") / "profiles" / f"{name}.yaml"
    source = shipped if shipped.is_file() else Path(name)
    if not source.is_file():
        raise UsageError(f"clean.profile={name}: neither model nor light, nor a file")
    try:
        given = yaml.safe_load(source.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cleaning profile {name}: {error}") from None
    if not isinstance(given, dict):
        raise UsageError(f"cleaning profile {name}: expected a switch by rule name")
    return profile_of(Path(name).stem, given)


def profile_of(name: str, given: Mapping[str, object]) -> Profile:
    """A profile from switches as YAML or JSON gives them; `true` means a rule's first choice."""
    rules = {rule.name: rule for rule in RULES}
    unknown = [key for key in given if key not in rules]
    if unknown:
        raise UsageError(f"cleaning profile {name}: no rule {unknown[0]}; there are {', '.join(rules)}")
    switches = {key: _choice(name, rules[key], value) for key, value in given.items() if value is not False}
    return Profile(name, switches)


def _choice(profile: str, rule: Rule, value: object) -> str:
    if value is True:
        return next(iter(rule.choices))
    if value not in tuple(rule.choices):
        raise UsageError(
            f"cleaning profile {profile}: {rule.name}: {value}; it can be "
            f"{', '.join(['true', 'false', *rule.choices])}"
        )
    return str(value)
