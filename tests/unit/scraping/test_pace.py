from types import SimpleNamespace

import pytest

from adc.scraping.pace import Pace


def pace(found: int = 0, seconds: float = 0, paused: float = 0) -> Pace:
    gate = SimpleNamespace(counts={"found": found, "unrequested": 9}, seconds=seconds, paused=paused)
    return Pace(gate, at_once=1600, wave_seconds=60)


def test_only_outcomes_count():
    assert pace(found=50, seconds=10).by_status() == {"found": 50, "missing": 0, "failed": 0}
    assert pace(found=50, seconds=10).rate() == 5
    # The first answers of a scrape that has just begun tell little of its rate.
    assert pace(found=50, seconds=0.1).rate() == 50


@pytest.mark.parametrize(
    ("found", "seconds", "ids", "parts"),
    [
        (0, 0, 6400, 4),  # nothing is known yet: two tasks a slot
        (100_000, 10, 600_000, 20),  # tasks of six seconds
        (1000, 10, 64_000, 20),  # slow: tasks of four requests in a row
    ],
)
def test_a_wave_is_cut_into_tasks_of_a_few_seconds(found, seconds, ids, parts):
    assert pace(found, seconds).parts(ids, slots=2) == parts


@pytest.mark.parametrize(
    ("found", "seconds", "given", "nearly"),
    [
        (0, 0, 1000, False),  # however small a wave, one answer is waited for
        (1, 1, 1000, True),
        (90_000, 9, 170_000, False),
        (100_000, 10, 170_000, True),  # seven seconds are left
        (8400, 100, 10_000, True),  # all that is left is under way
        (8399, 100, 10_000, False),
    ],
)
def test_the_next_wave_begins_before_the_last_is_done(found, seconds, given, nearly):
    assert pace(found, seconds).nearly_done(given) is nearly


def test_an_api_limits_by_pauses_longer_than_a_wave():
    assert not pace(paused=60).limited()
    assert pace(paused=61).limited()
