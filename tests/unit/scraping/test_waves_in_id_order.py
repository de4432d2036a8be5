"""The ids to ask, cut into waves that take about as long as they should."""

import pytest

from adc.scraping.id_order import WavesInIdOrder, first_wave


def waves_of(total, first, batch_size, rate, limited=False):
    return list(WavesInIdOrder(total, first, batch_size, 10, rate, lambda: limited))


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize(("first", "total"), [(8, 100), (100, 100), (8, 30), (8, 0)])
def test_waves_are_whole_batches_that_together_are_the_work(first, total, limited):
    waves = waves_of(total, first, 4, lambda: 1.1, limited)
    assert [place for wave in waves for place in wave] == list(range(total))
    assert all(len(wave) % 4 == 0 for wave in waves[:-1])
    assert len(waves) <= 1 if first >= total else len(waves) > 1


def test_a_wave_is_as_long_as_it_should_take_but_at_most_four_times_the_one_before():
    rates = iter([100.0, 100.0, 1.0, 7.9])
    waves = waves_of(2000, 40, 20, lambda: next(rates, 1000.0))
    # 4 × 40, 4 × 160, no smaller than the first, 79 in whole batches.
    assert [len(wave) for wave in waves[:5]] == [40, 160, 640, 40, 60]


def test_an_api_that_makes_all_wait_gets_waves_as_small_as_its_rate_but_whole_batches():
    rates = iter([1.0, 0.1, 7.0, 30.0])
    waves = waves_of(2000, 320, 10, lambda: next(rates, 1000.0), limited=True)
    # 10 in its time, one of which there is only a tenth, 4 × 10, 4 × 40.
    assert [len(wave) for wave in waves[:5]] == [320, 10, 10, 40, 160]


@pytest.mark.parametrize(
    ("rate_limit", "batches"),
    [(0, 32), (100, 32), (0.6, 32), (0.5, 30), (15 / 900, 1), (1e-6, 1)],
)
def test_the_first_wave_is_no_longer_than_a_limit_that_is_known_lets_it_be(rate_limit, batches):
    assert first_wave(100, 8, rate_limit, seconds=60) == batches * 100
