"""The cleaning rules: each one named, over whole Arrow columns of text, and RULES, their order.

One definition serves tables and, as a column of one, single strings. Patterns are RE2's. What stands for
something removed is one private-use character until the end (MARKERS), so that no later rule can
harm it; `without_private_use` frees the texts from such characters of their own beforehand.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning.by_text import marks_in_order, normalised, without_entities
from adc.cleaning.patterns import (
    ADDRESS,
    ARABIC_DIGITS,
    EMOJI_SEQUENCE,
    EMOJI_SHAPERS,
    EMOTICON,
    HANDLE,
    HASHTAG,
    INVISIBLE,
    KEYBOARD_LETTERS,
    LAUGHTER,
    LINE_BREAKS,
    LINK,
    LOAN_LETTERS,
    MANY_MARKS,
    MAYBE_MARKS,
    NFKC_SURPRISE,
    NOT_PLAIN,
    NUMBER,
    PLACEHOLDERS,
    PUNCTUATION,
    REPEATABLE,
    STRAY_SHAPER,
    SURPLUS_SPACE,
    TAG,
    TASHKEEL,
    in_python,
)
from adc.cleaning.words import (
    Kind,
    Step,
    data_of,
    nulls_as_in,
    offsets_of,
    private_in,
    stretched,
    strings,
    taken_by,
)

# Marker tokens by the private-use character that stands for them while rules run.
MARKERS = {
    "\ue000": "<url>",
    "\ue001": "<user>",
    "\ue002": "<email>",
    "\ue003": "<nl>",
    "\ue004": "<num>",
    "\ue005": "<emoji>",
    "\ue006": "<emoticon>",
    "\ue007": "<laugh>",
}
URL_MARK, USER_MARK, EMAIL_MARK, LINE_BREAK_MARK, NUMBER_MARK, EMOJI_MARK, EMOTICON_MARK, LAUGH_MARK = MARKERS
# Spellings of laughter, which later rules would shorten, by what stands for them; that by the first letter.
LAUGHS = {"\ue008": "ههه", "\ue009": "خخخ", "\ue00a": "haha", "\ue00b": "lol"}
LAUGH_OF = dict(zip("هاخhjl", "\ue008\ue008\ue009\ue00a\ue00a\ue00b", strict=True))

# Between texts that are looked at together; not what joins words. `without_private_use` frees texts of it.
_BETWEEN = "\ue00e"

# What holds of every text in which a sign stands three times or more.
MANY_SIGNS = rf"{PUNCTUATION}{{3}}|(?:{EMOJI_SEQUENCE}){{3}}"


@dataclass(frozen=True)
class Rule:
    """A step of cleaning: its name, its choices (the first is what `on` means) and what each does.

    `needs`: the kinds of words that it can change; a word that began as none of them it leaves alone,
    whatever earlier rules made of it. `letters`: the common Arabic letters that it changes, if any.
    """

    name: str
    meaning: str
    needs: Kind
    choices: dict[str, Step]
    letters: str = ""


def replaced(pattern: str, by: str) -> Step:
    """A step that replaces every match."""
    return lambda texts: pc.replace_substring_regex(texts, pattern, by)


def chained(*steps: Step) -> Step:
    """Steps one after the other."""

    def run(texts: pa.Array) -> pa.Array:
        for step in steps:
            texts = step(texts)
        return texts

    return run


def seldom(pattern: str, step: Step) -> Step:
    """A step taken only by the few texts that match: looking costs less than doing."""
    return lambda texts: taken_by(pc.match_substring_regex(texts, pattern), texts, step)


def where(pattern: str, change: Callable[[str], str]) -> Step:
    """A step in Python for the few texts that match, where RE2 cannot say it."""

    def each(texts: pa.Array) -> pa.Array:
        return pa.array([change(text) for text in texts.to_pylist()], pa.string())

    return seldom(pattern, each)


def single_spaced(texts: pa.Array) -> pa.Array:
    """Single spaces for several, of which markers leave many: RE2 takes three times as long for it."""
    data, offsets = data_of(texts), offsets_of(texts)
    offsets = offsets - offsets[0]
    space = data == 0x20
    surplus = np.append(space[:-1] & space[1:], False)[: len(data)]
    offsets -= np.searchsorted(np.flatnonzero(surplus), offsets)
    return nulls_as_in(texts, strings(offsets, np.compress(~surplus, data)))


def trimmed(texts: pa.Array) -> pa.Array:
    """Without spaces at the ends. Other controls than white space, which Arrow would trim too, stay."""
    return pc.utf8_trim(texts, " ")


def mapped(letters: Mapping[str, str]) -> Step:
    """A step that puts each key in the place of all the letters of its value."""
    steps = [replaced(f"[{variants}]", letter) for letter, variants in letters.items()]
    return seldom(f"[{''.join(letters.values())}]", chained(*steps))


def marked(pattern: str, marker: str) -> dict[str, Step]:
    """The choices of a rule that takes something out: a marker token in its place, or nothing."""
    return {"marker": replaced(pattern, f" {marker} "), "drop": replaced(pattern, " ")}


def _placeholders(marks: Mapping[str, str]) -> Step:
    steps = [replaced(words, f" {marks.get(kind, '')} ") for kind, words in PLACEHOLDERS.items()]
    return seldom("|".join(PLACEHOLDERS.values()), chained(*steps))


_EMOTICON = re.compile(rf"(?:{EMOTICON})(?<![(\[](?=[\w(\[]))")
_LAUGHTER = re.compile(rf"(?<!\w)(?:{LAUGHTER})(?!\w)")
# No emoji is joined from more parts; without a bound a chain of many would take the square of its length.
_EMOJI_OF_FEW = EMOJI_SEQUENCE.removesuffix("*") + "{0,15}"
_REPEATED = re.compile(in_python(rf"({PUNCTUATION}|{_EMOJI_OF_FEW})\1{{2,}}"))


def _nfkc(texts: pa.Array) -> pa.Array:
    long = pc.greater_equal(pc.binary_length(texts), 2 * MANY_MARKS)
    texts = taken_by(long, texts, where(f"{MAYBE_MARKS}{{{MANY_MARKS}}}", marks_in_order))
    hits = pc.match_substring_regex(texts, NFKC_SURPRISE)
    by_hand = pa.array([normalised(text) for text in texts.filter(hits).to_pylist()], pa.string())
    return pc.replace_with_mask(pc.utf8_normalize(texts, "NFKC"), hits, by_hand)


def _emoticons(by: str) -> Step:
    # Not what opens a bracket: قال تعالى:(وقل
    return where(EMOTICON, lambda text: _EMOTICON.sub(by, text))


# Which of the letters that may be repeated a character is, by its code point; 0: none of them.
_LETTERS = np.zeros(1 << 16, np.uint8)
for _number, _letter in enumerate(REPEATABLE, 1):
    _LETTERS[[ord(_letter), ord(_letter.upper())]] = _number


def shortened(most: int) -> Step:
    """A step that leaves `most` (1 or 2) of a letter that stands three times or more, in either case.

    Doubles are spelling; a run of three or more is feeling.
    """

    def shorten(texts: pa.Array) -> pa.Array:
        codes = np.frombuffer(_BETWEEN.join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
        letters = _LETTERS[np.minimum(codes, len(_LETTERS) - 1)]
        # Whether it is the letter before it, too; with one more place on either side.
        again = np.zeros(len(codes) + 2, bool)
        again[2:-1] = (letters[1:] == letters[:-1]) & (letters[1:] > 0)
        surplus = again[1:-1] & again[:-2]
        if most == 1:
            surplus |= again[1:-1] & again[2:]
        return pa.array(codes[~surplus].tobytes().decode("utf-32-le").split(_BETWEEN), pa.string())

    return lambda texts: taken_by(pc.and_(texts.is_valid(), _with_runs(texts)), texts, shorten)


def _holding(texts: pa.Array, places: np.ndarray) -> pa.Array:
    """Which texts hold one of these places of their UTF-8: bool (N,)."""
    offsets = offsets_of(texts)
    hits = np.zeros(len(texts), bool)
    hits[np.searchsorted(offsets - offsets[0], places, side="right") - 1] = True
    return pa.array(hits)


def _with_runs(texts: pa.Array) -> pa.Array:
    """Which texts may have a letter three times in a row, by their bytes: bool (N,)."""
    data = data_of(texts)
    small = data | 0x20
    twice = (small[:-1] == small[1:]) & (small[1:] > 0x60) & (small[1:] < 0x7B)
    runs = (stretched(data), twice[:-1] & twice[1:])
    return _holding(texts, np.concatenate([np.flatnonzero(run) for run in runs]))


WITHOUT_STRAYS = replaced(f"({EMOJI_SEQUENCE})|{EMOJI_SHAPERS}", r"\1")

# What marks and stretches letters goes before links and handles are looked for: it can hide them.
# Rules that need no kind look beyond words: they see only the texts that stay whole, which all rules see.
RULES: tuple[Rule, ...] = (
    Rule("html", "HTML entities, to a fixed point, and tags", Kind.NONE,
         {"on": chained(where("&", without_entities), replaced(TAG, " "))}),
    Rule("line_breaks", "line and paragraph breaks", Kind.BREAK, {
        "marker": replaced(rf"\s*{LINE_BREAKS}\s*", f" {LINE_BREAK_MARK} "),
        "drop": replaced(LINE_BREAKS, " "),
    }),
    Rule("unicode", "NFKC: presentation forms, ligatures (ﷺ too) to letters, full-width forms to plain ones",
         Kind.OTHER, {"on": seldom(NOT_PLAIN, _nfkc)}),
    Rule("invisible", "zero-width, direction and control characters; what shapes emoji stays within them",
         Kind.MARK,
         {"on": chained(replaced(INVISIBLE, ""),
                        seldom(EMOJI_SHAPERS, seldom(STRAY_SHAPER, WITHOUT_STRAYS)))}),
    Rule("tashkeel", "vowel marks, superscript alef and Quranic marks", Kind.MARK,
         {"on": replaced(TASHKEEL, "")}),
    Rule("tatweel", "the stretching character ـ", Kind.MARK, {"on": replaced("\u0640+", "")}),
    Rule("retweet", "the RT @user: that opens an old-style retweet", Kind.NONE,
         {"on": replaced(rf"(?i)^\s*(?:RT\s+{HANDLE}\s*:?\s*)+", "")}),
    Rule("urls", "links", Kind.DOT, marked(LINK, URL_MARK)),
    Rule("digits", "Arabic-Indic and Persian digits to 0-9", Kind.MARK,
         {"on": mapped({str(value): digits for value, digits in enumerate(ARABIC_DIGITS)})}),
    Rule("emails", "e-mail addresses", Kind.DOT, marked(ADDRESS, EMAIL_MARK)),
    Rule("mentions", "user handles", Kind.SIGN, marked(HANDLE, USER_MARK)),
    Rule("emoticons", "emoticons such as :) and <3", Kind.SIGN | Kind.LETTER,
         {"marker": _emoticons(f" {EMOTICON_MARK} "), "drop": _emoticons(" ")}),
    Rule("hashtags", "the words of a hashtag, without # and _; or nothing of it", Kind.SIGN,
         {"words": seldom("[#_]", replaced("#|_+", " ")), "drop": replaced(HASHTAG, " ")}),
    Rule("placeholders", "what corpora that others have cleaned hold for links, handles and line breaks: "
         "URL, USER, NEWLINE, [رابط] and such", Kind.LETTER | Kind.SIGN, {
        "marker": _placeholders({"link": URL_MARK, "handle": USER_MARK, "e-mail address": EMAIL_MARK,
                                 "line break": LINE_BREAK_MARK}),
        "drop": _placeholders({}),
    }),
    Rule("keyboard_letters", "ک ی ہ ۆ and such, of other keyboards or for show, to ك ي ه و", Kind.OTHER,
         {"on": mapped(KEYBOARD_LETTERS)}),
    Rule("loan_letters", "گ چ پ ڤ ڨ ژ to ك ج ب ف ق ز: they tell dialects apart", Kind.OTHER,
         {"on": mapped(LOAN_LETTERS)}),
    Rule("alef", "أ إ آ ٱ ٲ ٳ to ا", Kind.LETTER, {"on": replaced("[أإآٱٲٳ]", "ا")}, "أإآ"),
    Rule("alef_maksura", "ى to ي", Kind.LETTER, {"on": replaced("ى", "ي")}, "ى"),
    Rule("teh_marbuta", "ة to ه", Kind.LETTER, {"on": replaced("ة", "ه")}, "ة"),
    Rule("hamza", "ؤ to و, ئ to ي, ء to nothing", Kind.LETTER,
         {"on": chained(replaced("ؤ", "و"), replaced("ئ", "ي"), replaced("ء", ""))}, "ؤئء"),
    Rule("repeats", "a punctuation mark or emoji three times or more, to two or to one",
         Kind.SIGN | Kind.EMOJI, {
        "two": where(MANY_SIGNS, lambda text: _REPEATED.sub(r"\1\1", text)),
        "one": where(MANY_SIGNS, lambda text: _REPEATED.sub(r"\1", text)),
    }),
    Rule("emoji", "emoji: each a token of its own, or one marker, or nothing; sequences stay whole",
         Kind.EMOJI, {"keep": replaced(EMOJI_SEQUENCE, r" \0 "), **marked(EMOJI_SEQUENCE, EMOJI_MARK)}),
    Rule("numbers", "numbers; not the digits of a word, as in 3alaikom", Kind.DIGIT,
         marked(NUMBER, NUMBER_MARK)),
    Rule("latin", "Latin letters to lower case", Kind.LETTER,
         {"on": pc.utf8_lower, "drop": replaced(r"\p{Latin}+", " ")}),
    Rule("laughter", "laughter of any length to one spelling (ههه, خخخ, haha), or a marker", Kind.LETTER, {
        "on": where(LAUGHTER, lambda text: _LAUGHTER.sub(lambda laugh: LAUGH_OF[laugh[0][0].lower()], text)),
        "marker": where(LAUGHTER, lambda text: _LAUGHTER.sub(f" {LAUGH_MARK} ", text)),
    }, "هخ"),
    Rule("elongation", "a letter three times or more, to two or to one", Kind.MARK | Kind.LETTER, {
        "two": shortened(2),
        "one": shortened(1),
    }),
    Rule("punctuation", "punctuation: each mark a token of its own, or nothing", Kind.SIGN | Kind.EMOJI,
         {"space": replaced(PUNCTUATION, r" \0 "), "drop": replaced(r"[\pP\pS]+", " ")}),
    Rule("white_space", "runs of white space to one space, none at the ends", Kind.ANY,
         {"on": chained(single_spaced, replaced(SURPLUS_SPACE, " "), trimmed)}),
)  # fmt: skip


def without_private_use(texts: pa.Array) -> pa.Array:
    """Texts with U+FFFD for private-use characters of their own, which rules would take for markers."""
    _, own = private_in(data_of(texts))
    if not (own < 0x90).any():
        return texts
    return pc.replace_substring_regex(texts, r"[\x{E000}-\x{E00F}]", "\ufffd")


def with_marker_tokens(texts: pa.Array) -> pa.Array:
    """Marker tokens in place of the characters that stood for them."""
    places, characters = private_in(data_of(texts))
    # By text, and looked for at once: what has been replaced moves the places.
    tokens = MARKERS | LAUGHS
    found = {mark: places[characters == mark.encode()[2]] for mark in tokens}
    holding = {mark: _holding(texts, where) for mark, where in found.items() if len(where)}
    for mark, hits in holding.items():
        texts = taken_by(hits, texts, partial(pc.replace_substring, pattern=mark, replacement=tokens[mark]))
    return texts
