"""What train decides before any rank starts."""

import pytest

from adc.cleaning import load_profile
from adc.errors import UsageError
from adc.lake import labelled_tweets
from adc.tables import CLEAN_TWEETS
from adc.training.stage import provenance, train
from tests.spark.contents import clean_rows

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("rule", ["mentions", "white_space"])
def test_a_profile_that_leaves_handles_or_line_breaks_in_is_refused(job, lake, tmp_path, rule):
    switches = {name: choice for name, choice in load_profile("model").switches.items() if name != rule}
    own = tmp_path / "own.yaml"
    own.write_text("".join(f"{name}: '{choice}'\n" for name, choice in switches.items()))
    lake.append(CLEAN_TWEETS, clean_rows(lake, {"id": "1", "text": "عايز كده", "dialect": "EG"}))
    with pytest.raises(UsageError, match=f"switch its rule `{rule}` on"):
        train(job("train", clean__profile=str(own)))


def test_a_bundle_is_known_by_what_the_labelled_rows_hold(job, lake):
    def fingerprint(**overrides):
        made = provenance(job("train", **overrides), labelled_tweets(lake.read(CLEAN_TWEETS)))
        return made["fingerprint"], made["data"]["version"]

    row = {"id": "1", "text": "عايز كده", "dialect": "EG"}
    lake.append(CLEAN_TWEETS, clean_rows(lake, row))
    first, version = fingerprint()
    # The same again, a row without a label, a longer wait for ranks: the bundle would be the same.
    lake.merge(CLEAN_TWEETS, clean_rows(lake, row, {"id": "2", "text": "بلا تصنيف"}))
    again, later = fingerprint(train__start_timeout=600)
    assert (again, later > version) == (first, True)
    others = [fingerprint(train__epochs=9)[0]]
    for change in ({"dialect": "SA"}, {"split": "val"}, {"weight": 0.5}, {"clean": "عايز"}):
        lake.merge(CLEAN_TWEETS, clean_rows(lake, row | change))
        others.append(fingerprint()[0])
    assert len({first, *others}) == 6
