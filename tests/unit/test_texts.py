"""What becomes of texts that are none, or hold what no UTF-8 can."""

import numpy as np
import pandas as pd
import pytest

from adc.errors import UsageError
from adc.texts import whole_text, without_surrogates


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("كيفك 😍", "كيفك 😍"),
        ("\ufeffكيفك", "\ufeffكيفك"),
        ("a\ud83d", "a\ufffd"),
        ("\ud83da", "\ufffda"),
        ("\ude0da", "\ufffda"),
        ("\ufeff\ud83d\ud83d😍", "\ufeff\ufffd\ufffd😍"),
        ("", ""),
    ],
)
def test_half_an_emoji_becomes_the_replacement_character(text, whole):
    assert without_surrogates(text) == whole


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT])
def test_a_gap_in_a_column_is_an_empty_text(gap):
    assert whole_text(gap, "row 1") == ""


def test_a_text_is_taken_whole():
    assert whole_text("كيفك \ud83d", "row 1") == "كيفك \ufffd"


@pytest.mark.parametrize(("text", "kind"), [(3, "int"), (b"a", "bytes"), (["a"], "list"), ({}, "dict")])
def test_what_is_no_text_is_refused_by_its_type(text, kind):
    with pytest.raises(UsageError, match=f"^row 1 is {kind}, not str$"):
        whole_text(text, "row 1")
