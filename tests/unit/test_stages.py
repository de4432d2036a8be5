import re
from pathlib import Path

import pytest

import adc

STAGES = ("scraping", "cleaning", "training", "scoring", "evaluation")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_knows_nothing_of_the_others(stage):
    # But for the rules of cleaning, which are everybody's.
    others = "|".join(name.replace("cleaning", "cleaning.stage") for name in STAGES if name != stage)
    known = [
        line
        for path in (Path(adc.__file__).parent / stage).glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(rf"\s*(from|import) adc\.({others})\b", line)
    ]
    assert known == []
