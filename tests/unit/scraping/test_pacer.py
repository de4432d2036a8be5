import pytest

from adc.scraping.lookup import Pacer


class Clock:
    """Stands for the module `time`: sleeping is what makes it go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("rate", "pause", "sent"),
    [
        (0, 0.0, [0, 0, 0, 0]),
        (4, 0.0, [0, 0.25, 0.5, 0.75]),
        (0.5, 0.0, [0, 2, 4, 6]),
        (4, 1.0, [0, 1, 2, 3]),  # time let pass is not made up for
    ],
)
def test_the_pacer_gives_out_send_times(monkeypatch, rate, pause, sent):
    clock = Clock()
    monkeypatch.setattr("adc.scraping.lookup.time", clock)
    pacer, times = Pacer(rate), []
    for _ in sent:
        pacer.wait()
        times.append(clock.now - 100)
        clock.now += pause
    assert times == pytest.approx(sent)
