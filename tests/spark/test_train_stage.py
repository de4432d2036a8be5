"""What train refuses before any rank starts."""

import pytest

from adc.cleaning import load_profile
from adc.errors import UsageError
from adc.tables import CLEAN_TWEETS
from adc.training.stage import train
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
