import math

import pytest

from adc.scraping.limiter import Limiter
from adc.scraping.policy import Action, Decision

OK = Decision(Action.ACCEPT)


def limiter(rate=0.0, in_flight=10_000, patience=3):
    return Limiter(rate, in_flight, patience)


def refused(action, wait=0.0):
    return Decision(action, "HTTP 500", wait)


@pytest.mark.parametrize("late", [0.0, 0.002, 0.008])
@pytest.mark.parametrize("rate", [1, 10, 50])
def test_a_minute_at_the_limit_uses_nearly_all_of_it_and_never_more(rate, late):
    gate, now, sent = limiter(rate), 100.0, []
    while now < 160:
        wait = gate.enter(now)
        if wait == 0:
            sent.append(now)
        else:
            now += wait + late  # whoever waits wakes a little late
    assert len(sent) >= math.floor(0.95 * 60 * rate)
    assert max(sum(start <= other < start + 1 for other in sent) for start in sent) <= rate


def test_time_let_pass_is_not_made_up_for():
    gate = limiter(rate=10)
    assert gate.enter(100.0) == 0
    assert [gate.enter(200.0) == 0 for _ in range(3)] == [True, False, False]


def test_only_so_many_are_under_way():
    gate = limiter(in_flight=2)
    assert [gate.enter(0.0) for _ in range(3)] == [0, 0, None]
    gate.leave(OK, 0.0)
    assert [gate.enter(0.0) for _ in range(2)] == [0, None]
    gate.abandon(2)
    assert [gate.enter(0.0) for _ in range(3)] == [0, 0, None]


@pytest.mark.parametrize("action", [Action.PAUSE, Action.ACCEPT])
def test_a_pause_holds_for_all_and_the_longest_one_wins(action):
    gate = limiter()
    for _ in range(3):
        gate.enter(100.0)
    gate.leave(Decision(action, "", 7.0), 100.0)
    gate.leave(Decision(action, "", 1.0), 100.0)
    assert gate.enter(101.0) == 6.0
    assert gate.enter(107.0) == 0


@pytest.mark.parametrize(
    ("pauses", "told"),  # (now, wait) of what the API asks for; what is told of each
    [
        ([(100.0, 10.0)], [0]),
        ([(100.0, 60.0), (101.0, 60.0), (102.0, 58.0)], [60, 0, 0]),
        ([(100.0, 5.0), (101.0, 900.0)], [0, 900]),
        ([(100.0, 60.0), (120.0, 60.0)], [60, 60]),
        ([(100.0, 60.0), (160.0, 11.0)], [60, 11]),
    ],
)
def test_a_pause_is_told_once_and_again_only_when_it_becomes_much_longer(pauses, told):
    gate = limiter(in_flight=9)
    found = []
    for now, wait in pauses:
        gate.leave(Decision(Action.PAUSE, "HTTP 429", wait), now)
        found.append(gate.long_pause(now))
    assert found == told


def test_pauses_that_overlap_are_added_up_once():
    gate = limiter(in_flight=9)
    for now, wait in ((100.0, 60.0), (110.0, 10.0), (150.0, 30.0), (300.0, 5.0)):
        gate.leave(Decision(Action.PAUSE, "HTTP 429", wait), now)
    assert gate.paused == 80.0 + 5.0


@pytest.mark.parametrize("action", [Action.RETRY, Action.PAUSE, Action.SPLIT, Action.FAIL])
def test_tries_that_fail_in_a_row_stop_all_and_one_answer_in_between_does_not(action):
    gate = limiter(patience=3)
    for decision in (refused(action), refused(action), OK, refused(action), refused(action)):
        gate.enter(0.0)
        gate.leave(decision, 0.0)
    assert gate.stopped is None
    for _ in range(9):
        gate.leave(Decision(Action.SPLIT, "HTTP 413", harmless=True), 0.0)
    assert gate.stopped is None
    gate.leave(refused(action), 0.0)
    assert gate.stopped == "3 tries in a row failed, the last: HTTP 500"


def test_the_first_reason_to_stop_stays():
    gate = limiter()
    gate.leave(Decision(Action.STOP, "HTTP 401"), 0.0)
    gate.leave(Decision(Action.STOP, "HTTP 403"), 0.0)
    assert gate.stopped == "HTTP 401"
