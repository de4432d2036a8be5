"""The ids to ask, cut into waves that take about as long as they should."""

import pytest

from adc.scraping.id_order import WavesInIdOrder


@pytest.mark.parametrize(("first", "total"), [(8, 100), (100, 100), (8, 30), (8, 0)])
def test_waves_are_whole_batches_that_together_are_the_work(first, total):
    waves = list(WavesInIdOrder(total, first, batch_size=4, seconds=10, rate=lambda: 1.1))
    assert [place for wave in waves for place in wave] == list(range(total))
    assert all(len(wave) % 4 == 0 for wave in waves[:-1])
    assert len(waves) <= 1 if first >= total else len(waves) > 1


def test_a_wave_is_as_long_as_it_should_take_but_at_most_four_times_the_one_before():
    rates = iter([100.0, 100.0, 1.0, 7.9])
    waves = list(WavesInIdOrder(2000, first=40, batch_size=20, seconds=10, rate=lambda: next(rates, 1000.0)))
    # 4 × 40, 4 × 160, no smaller than the first, 79 in whole batches.
    assert [len(wave) for wave in waves[:5]] == [40, 160, 640, 40, 60]
