from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adc.errors import UsageError
from adc.lookup_server.faults import ERROR_REPLIES, Behaviour, Fault, RateWindow, fault_of


def faults(behaviour: Behaviour, count: int = 20_000) -> list[Fault | None]:
    return [fault_of(number, behaviour) for number in range(count)]


def test_faults_come_in_the_shares_asked_for():
    counts = Counter(faults(Behaviour(error_rate=0.3, cut_rate=0.1, reset_rate=0.05, drip_rate=0.15)))
    shares = {fault: count / 20_000 for fault, count in counts.items()}
    expected = {None: 0.4, Fault.CUT: 0.1, Fault.RESET: 0.05, Fault.DRIP: 0.15}
    expected |= dict.fromkeys(ERROR_REPLIES, 0.3 / len(ERROR_REPLIES))
    assert shares == pytest.approx(expected, abs=0.015)


def test_rates_of_nothing_and_of_all():
    assert set(faults(Behaviour(), 1000)) == {None}
    assert set(faults(Behaviour(cut_rate=1.0), 1000)) == {Fault.CUT}
    assert None not in faults(Behaviour(cut_rate=0.5, reset_rate=0.5), 1000)


def test_the_seed_and_the_number_decide_alone():
    sequences = [
        faults(Behaviour(error_rate=0.5, seed=seed, token=token), 100)
        for seed, token in ((1, None), (1, "t"), (2, None))
    ]
    assert sequences[0] == sequences[1] != sequences[2]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"latency": -0.1}, "latency is -0.1"),
        ({"latency": float("nan")}, "latency is nan"),
        ({"rate_limit": -1}, "rate_limit is -1"),
        ({"rate_limit": float("inf")}, "rate_limit is inf"),
        ({"drip_seconds": -5}, "drip_seconds is -5"),
        ({"error_rate": 1.1}, "error_rate is 1.1"),
        ({"cut_rate": -0.1}, "cut_rate is -0.1"),
        ({"reset_rate": 2}, "reset_rate is 2"),
        ({"drip_rate": float("nan")}, "drip_rate is nan"),
        ({"error_rate": 0.6, "cut_rate": 0.5}, "error_rate, cut_rate, reset_rate, drip_rate add up to 1.1"),
        ({"token": ""}, "token is empty"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(settings, named):
    with pytest.raises(UsageError) as refused:
        Behaviour(**settings)
    assert str(refused.value).startswith(named)


def test_the_token_is_not_shown():
    assert "secret" not in repr(Behaviour(token="secret"))


@pytest.mark.parametrize(
    ("rate", "waits_at"),
    [
        (0, [(0.0, 0.0)] * 100),
        (2, [(0.0, 0.0), (0.75, 0.0), (0.75, 0.25), (1.0, 0.0), (1.5, 0.25), (1.75, 0.0), (1.75, 0.25)]),
        (2.5, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (1.0, 0.2), (1.2, 0.0)]),
        (0.5, [(0.0, 0.0), (0.5, 1.5), (2.0, 0.0)]),
    ],
)
def test_the_wait_that_the_rate_window_asks_for(rate, waits_at):
    window = RateWindow(rate)
    waits = [window.wait(now) for now, _ in waits_at]
    assert waits == pytest.approx([wait for _, wait in waits_at])


@given(rate=st.integers(1, 5), gaps=st.lists(st.floats(0, 0.6), max_size=60))
def test_no_second_holds_more_than_the_rate(rate, gaps):
    window, now, admitted = RateWindow(rate), 0.0, []
    for gap in gaps:
        now += gap
        if window.wait(now) == 0:
            admitted.append(now)
    assert all(later - earlier >= 1 for earlier, later in zip(admitted, admitted[rate:], strict=False))
