"""The bundle that comes with adc: small, clean, and of use."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import adc
from adc.cli import main
from adc.dialects import DIALECTS
from adc.model.bundle import CARD, MANIFEST, SHIPPED, VOCABULARY, load_bundle, model_card
from adc.model.predictor import Predictor


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("عايز اروح دلوقتي مع صحابي", "EG"),
        ("واش راك خويا لاباس عليك", {"DZ", "MA"}),
        ("شلونج شخبارج", {"KW", "BH", "AE", "QA", "IQ"}),
        ("زول كيفنك انت وين ياخ", "SD"),
        ("برشا باهي يعيشك", "TN"),
        ("هلق شو عم تعمل", {"SY", "LB"}),
    ],
)
def test_words_that_everybody_knows_tell_a_dialect(text, dialect):
    assert adc.classify([text])["dialect"][0] in ({dialect} if isinstance(dialect, str) else dialect)


def test_it_is_under_20_mb_knows_all_dialects_and_has_its_card():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 20e6
    shipped = load_bundle(SHIPPED)
    assert shipped.labels == DIALECTS.codes
    assert (SHIPPED / CARD).read_text(encoding="utf-8") == model_card(shipped)


def test_it_holds_no_handle_no_link_and_no_place_of_the_machine_that_made_it():
    words = (SHIPPED / VOCABULARY).read_text(encoding="utf-8").split("\n")
    assert not [word for word in words if re.search(r"@\w|https?|www\.|\d{5}", word)]
    # Nor what others' cleaning and programs left in the data in place of such things.
    left = r"url|user|newline|hashtag|u[0-9a-f]{4,8}|n[\u0621-\u064a]+"
    assert not [word for word in words if re.fullmatch(left, word)]
    assert not re.search(r"file:|/home|/tmp|/work", (SHIPPED / MANIFEST).read_text(encoding="utf-8"))


def test_without_a_bundle_the_command_uses_it(capsys):
    assert main(["classify", "عايز اروح دلوقتي"]) == 0
    assert capsys.readouterr().out.startswith("EG\tNile")


def test_threads_may_share_a_predictor():
    shared = Predictor(load_bundle(SHIPPED))
    known = ["عايز", "كده", "واش", "بزاف", "دابا", "وش", "ابغى", "الحين"]
    many = [[f"{word}{number} كلمة" for number in range(1000)] for word in known]
    expected = [shared.probabilities(texts) for texts in many]
    with ThreadPoolExecutor(4) as threads:
        for told, alone in zip(threads.map(shared.probabilities, many), expected, strict=True):
            np.testing.assert_allclose(told, alone, atol=1e-4)
