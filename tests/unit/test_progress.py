import io
import itertools
import re
import threading

import pytest

from adc.progress import Progress, duration, progress_line


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (8.4, "8 s"),
        (59.7, "1 min 0 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (7530, "2 h 5 min"),
        (90 * 3600, "90 h 0 min"),
    ],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("counts", "total", "seconds", "line"),
    [
        (
            {"found": 11_200, "missing": 800, "failed": 0},
            54_044,
            3.0,
            "scrape: 12,000 of 54,044 rows (found 11,200, missing 800), 4,000/s, 11 s left",
        ),
        ({"found": 54_044}, 54_044, 10.0, "scrape: 54,044 of 54,044 rows, 5,404/s"),
        ({"found": 60}, 50, 10.0, "scrape: 60 of 50 rows, 6/s"),
        ({"found": 12, "missing": 0}, None, 2.0, "scrape: 12 rows (found 12), 6/s"),
        ({"rows": 1}, 7_201, 1.0, "scrape: 1 of 7,201 rows, 1/s, 2 h 0 min left"),
        ({"rows": 3}, 6, 10.0, "scrape: 3 of 6 rows, 0.3/s, 10 s left"),
        ({"found": 0, "missing": 0}, 100, 5.0, "scrape: 0 of 100 rows"),
        ({}, None, 5.0, "scrape: 0 rows"),
        ({"rows": 0}, 0, 0.0, "scrape: 0 of 0 rows"),
        ({"rows": 5}, 10, 0.0, "scrape: 5 of 10 rows"),
    ],
)
def test_progress_lines(counts, total, seconds, line):
    assert progress_line("scrape", counts, total, seconds) == line
    assert progress_line("scrape", counts, total, seconds, "1 of 2") == f"{line}, 1 of 2"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "written"),
    [(io.StringIO, r"clean: 4 rows(, [\d,.]+/s)?\n"), (Terminal, r"\rclean: 4 rows(, [\d,.]+/s)?\x1b\[K\n")],
    ids=["log", "terminal"],
)
def test_the_last_line_says_how_it_ended_even_when_it_failed(stream, written):
    shown = stream()
    with pytest.raises(ZeroDivisionError), Progress("clean", lambda: {"rows": 4}, stream=shown):
        raise ZeroDivisionError
    assert re.fullmatch(written, shown.getvalue())


def test_a_terminal_shows_lines_as_the_work_goes_on(monkeypatch):
    monkeypatch.setattr("adc.progress.TERMINAL_SECONDS", 0.001)
    stream, counts, fifth = Terminal(), itertools.count(1), threading.Event()

    def measure():
        rows = next(counts)
        if rows == 5:
            fifth.set()
        return {"rows": rows}

    with Progress("clean", measure, total=1000, stream=stream):
        assert fifth.wait(10)
    lines = stream.getvalue().split("\r")[1:]
    numbers = range(1, next(counts))
    assert [line.split(" of ")[0] for line in lines] == [f"clean: {number}" for number in numbers]
    assert stream.getvalue().count("\n") == 1
