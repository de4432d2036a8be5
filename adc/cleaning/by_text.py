"""What rules do to one text in Python, where RE2 and Arrow cannot: entities, and normalisation by hand."""

import html
import re
from unicodedata import category, combining, normalize

import numpy as np

from adc.cleaning.patterns import (
    MANY_MARKS,
    MARKS_WRITTEN_OUT,
    MAYBE_MARKS,
    NOT_NFKC,
    WRITTEN_OUT,
    in_python,
)

# Without its semicolon, as html.unescape takes them too, &region= in a link would be one.
_ENTITY = re.compile(r"&(?:#\d+;?|#[xX][0-9a-fA-F]+;?|\w+;|(?:amp|lt|gt|quot)\b(?!=))")
# Ampersands escaped again and again, all there is to most entities within entities.
_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0*38|#[xX]0*26);)+")
# No character has a number as long as this, and Python reads none of thousands of digits.
_MOST_DIGITS = 20
# So often texts are looked through that have entities within entities; each time costs all of the text.
_MOST_PASSES = 16


def _unescaped(text: str) -> str:
    def character(entity: re.Match[str]) -> str:
        numbered = entity[0].startswith("&#") and len(entity[0]) > _MOST_DIGITS
        return "\ufffd" if numbered else html.unescape(entity[0])

    # To a fixed point: texts that went through two programs hold &amp;lt; .
    for number in range(_MOST_PASSES):
        once = _ENTITY.sub(character, text)
        if once == text:
            return text
        # Not sooner: of &amp;lt&#59; the semicolon has to come before the ampersand is done with.
        text = once if number < _MOST_PASSES // 2 else _AMPERSANDS.sub("&", once)
    # Made to take long: what is left are no entities any more.
    return text.replace("&", " ")


def without_entities(text: str) -> str:
    """The text with what its entities stand for; not what no text may hold, as a half of an emoji."""
    return re.sub("[\ud800-\udfff\ue000-\ue00f]", "\ufffd", _unescaped(text))


_NORMALISABLE = re.compile(in_python(f"[^{NOT_NFKC[1:]}+"))
_MARKS = re.compile(in_python(f"{MAYBE_MARKS}{{{MANY_MARKS},}}"))


def marks_in_order(text: str) -> str:
    """The text with long runs of marks sorted as NFKC sorts them, which moves each past the others."""
    return _MARKS.sub(_in_order, text)


def _in_order(run: re.Match[str]) -> str:
    # What Python does not know may be a mark, too, unless it is an emoji.
    marks = [
        mark if mark >= "\U0001f000" or category(mark) != "Cn" else "\ufffd"
        for mark in run[0].translate(MARKS_WRITTEN_OUT)
    ]
    classes = np.array([combining(mark) for mark in marks])
    order = np.lexsort((classes, np.cumsum(classes == 0)))
    return "".join([marks[place] for place in order])


def normalised(text: str) -> str:
    """NFKC, but for what it is kept from."""
    return _NORMALISABLE.sub(lambda run: normalize("NFKC", run[0].translate(WRITTEN_OUT)), text)
