"""golden.yaml: what cleaning makes of texts, case by case."""

from pathlib import Path

import pytest
import yaml

from adc.cleaning import Profile, clean_text, load_profile
from adc.cleaning.rules import RULES

GOLDEN = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(group, case, id=f"{group.get('rule') or group['profile']} {number}")
    for group in GOLDEN
    for number, case in enumerate(group["cases"], 1)
]


def profile_of(group: dict[str, str]) -> Profile:
    if "profile" in group:
        return load_profile(group["profile"])
    rule, choice = group["rule"].split("=")
    return Profile("alone", {rule: choice, "white_space": "on"})


@pytest.mark.parametrize(("group", "case"), CASES)
def test_golden(group, case):
    assert clean_text(case["in"], profile_of(group)) == case["out"]


def test_every_choice_of_every_rule_has_a_case():
    tried = {group["rule"] for group in GOLDEN if "rule" in group}
    assert tried == {f"{rule.name}={choice}" for rule in RULES for choice in rule.choices}
