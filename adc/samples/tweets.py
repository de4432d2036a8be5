"""What lies on top of a text: its writer's spelling, then what makes it a tweet.

The rates are those counted on raw tweets with country labels (63 % mention somebody, 37 % hold emoji,
28 % line breaks, 15 % a link, 10 % a hashtag); the rest are estimates.
"""

import random
import re
import string

from adc.samples.lexicons import Lexicon, lexicon, surface

MAX_LENGTH = 280

_MENTION = 0.63
_EMOJI = 0.37
_LINK = 0.15
_HASHTAG = 0.10
_FLAG = 0.02
_LAUGHTER = 0.10
_LATIN = 0.04
_ENTITY = 0.015
_BREAK_BEFORE_EXTRA = 0.10
_MENTION_LAST = 0.06

_DROP_HAMZA = 0.45
_HEH_FOR_TEH_MARBUTA = 0.20
_YEH_FOR_ALEF_MAKSURA = 0.15
_NO_PERSIAN_LETTERS = 0.40
_ARABIC_INDIC = 0.35
_ELONGATION = 0.10
_TATWEEL = 0.03
_TASHKEEL = 0.06
_REPEATED_PUNCTUATION = 0.12
_MISSING_SPACE = 0.03
_PRESENTATION_FORMS = 0.02  # shows only where the text has such a ligature

_NO_HAMZA = str.maketrans("أإآ", "ااا")
_NO_PERSIAN = str.maketrans("چگ", "جك")
_TO_ARABIC_INDIC = str.maketrans(string.digits, "٠١٢٣٤٥٦٧٨٩")
_LIGATURES = {"الله": "ﷲ", "لا": "ﻻ", "لأ": "ﻷ"}
_LONG_VOWEL = re.compile(r"(?<=[ء-ي])(?:[وي]|ا(?!ل))(?=[ء-ي])")
_JOINED = re.compile(r"(?<=[بتثجحخسشصضطظعغفقكلمنهيئ])(?=[بتثجحخسشصضطظعغفقكمنهيدرزو])")


def roughen(text: str, rng: random.Random) -> str:
    """The text as a hurried person spells it."""
    if rng.random() < _TASHKEEL:
        text = _vowelled(text)
    if rng.random() < _DROP_HAMZA:
        text = text.translate(_NO_HAMZA)
    if rng.random() < _HEH_FOR_TEH_MARBUTA:
        text = re.sub(r"ة\b", "ه", text)
    if rng.random() < _YEH_FOR_ALEF_MAKSURA:
        text = re.sub(r"ى\b", "ي", text)
    if rng.random() < _NO_PERSIAN_LETTERS:
        text = text.translate(_NO_PERSIAN)
    if rng.random() < _ARABIC_INDIC:
        text = text.translate(_TO_ARABIC_INDIC)
    if rng.random() < _ELONGATION:
        text = _stretch(_LONG_VOWEL, text, rng)
    if rng.random() < _TATWEEL:
        text = _stretch(_JOINED, text, rng)
    if rng.random() < _MISSING_SPACE:
        text = re.sub(r" (?=\S+$)", "", text)
    if rng.random() < _REPEATED_PUNCTUATION:
        text = text.rstrip("؟") + rng.choice("!؟.!") * rng.randint(2, 6)
    if rng.random() < _PRESENTATION_FORMS:
        for letters, ligature in _LIGATURES.items():
            text = text.replace(letters, ligature)
    return _with_asides(text, rng)


def dress(text: str, home: Lexicon, rng: random.Random) -> str:
    """The text with mentions, emoji, hashtags and a link, as long as they fit in MAX_LENGTH characters."""
    tweet = text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
    extras = []
    if rng.random() < _EMOJI:
        extras.append(rng.choice(("", " ", " ", " ")) + _emoji(home, rng))
    if rng.random() < _HASHTAG:
        extras.append(_gap(rng) + " ".join(_hashtags(home, rng)))
    if rng.random() < _LINK:
        extras.append(_gap(rng) + "https://t.co/" + _random_text(string.ascii_letters, 10, rng))
    if rng.random() < _MENTION:
        mentions = " ".join(_mention(rng) for _ in range(rng.choice((1, 1, 1, 1, 1, 2, 2, 3))))
        if rng.random() < _MENTION_LAST:
            extras.append(" " + mentions)
        elif len(mentions) + len(tweet) < MAX_LENGTH:
            tweet = f"{mentions} {tweet}"
    for extra in extras:
        if len(tweet) + len(extra) <= MAX_LENGTH:
            tweet += extra
    return tweet


def wordless(home: Lexicon, rng: random.Random) -> str:
    """A text without Arabic letters: foreign words, Arabic in Latin letters, or emoji alone."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(surface().foreign)
    return rng.choice(home.arabizi) if kind < 0.7 else _emoji(home, rng)


def _with_asides(text: str, rng: random.Random) -> str:
    if rng.random() < _LAUGHTER:
        laughter = "ه" * rng.randint(3, 14)
        text = f"{laughter} {text}" if rng.random() < 0.5 else f"{text} {laughter}"
    if rng.random() < _LATIN:
        text = f"{text} {rng.choice(surface().latin)}"
    if rng.random() < _ENTITY:
        text = f"{text} {rng.choice(surface().entities)}"
    return text


def _vowelled(text: str) -> str:
    marked = surface().tashkeel
    return re.sub(r"\w+", lambda word: marked.get(word[0], word[0]), text)


def _stretch(place: re.Pattern[str], text: str, rng: random.Random) -> str:
    """The text with one of the places drawn out: by its letter, or by tatweel where it is between letters."""
    places = list(place.finditer(text))
    if not places:
        return text
    found = rng.choice(places)
    return text[: found.end()] + (found[0] or "ـ") * rng.randint(2, 6) + text[found.end() :]


def _gap(rng: random.Random) -> str:
    return "\n" if rng.random() < _BREAK_BEFORE_EXTRA else " "


def _emoji(home: Lexicon, rng: random.Random) -> str:
    return home.flag if rng.random() < _FLAG / _EMOJI else rng.choice(surface().emoji)


def _hashtags(home: Lexicon, rng: random.Random) -> list[str]:
    tags = home.hashtags if rng.random() < 0.4 else lexicon("shared").hashtags
    return ["#" + tag for tag in rng.sample(tags, rng.choice((1, 1, 1, 2, 3)))]


def _mention(rng: random.Random) -> str:
    return "@user_" + _random_text(string.ascii_lowercase + string.digits, rng.randint(3, 8), rng)


def _random_text(alphabet: str, length: int, rng: random.Random) -> str:
    return "".join(rng.choices(alphabet, k=length))
