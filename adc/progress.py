"""A line on standard error that says how far a job is."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

# A terminal's line is renewed this often; a log file gets a line this often (seconds).
TERMINAL_SECONDS = 1.0
LOG_SECONDS = 15.0


def duration(seconds: float) -> str:
    """Seconds as people say them: 8 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def progress_line(
    label: str, counts: Mapping[str, int], total: int | None, seconds: float, beside: str = ""
) -> str:
    """`scrape: 12,000 of 54,044 rows (found 11,200, missing 800), 4,000/s, 11 s left`, then `beside`."""
    done = sum(counts.values())
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count)
    parts = [f"{done:,}" + (f" of {total:,}" if total is not None else "") + " rows"]
    if len(counts) > 1 and kinds:
        parts[0] += f" ({kinds})"
    if done and seconds > 0:
        rate = done / seconds
        parts.append(f"{rate:,.0f}/s" if rate >= 1 else f"{rate:.2g}/s")
        if total is not None and total > done:
            parts.append(f"{duration((total - done) / rate)} left")
    if beside:
        parts.append(beside)
    return f"{label}: {', '.join(parts)}"


class Progress:
    """Shows `measure()`, the rows done so far by kind, and `beside()` while the `with` block runs."""

    def __init__(
        self,
        label: str,
        measure: Callable[[], Mapping[str, int]],
        *,
        total: int | None = None,
        beside: Callable[[], str] = str,
        stream: TextIO | None = None,
    ) -> None:
        self._label, self._measure, self._total, self._beside = label, measure, total, beside
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = time.monotonic()

    def __enter__(self) -> "Progress":
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._show(last=True)

    def _run(self) -> None:
        while not self._over.wait(TERMINAL_SECONDS if self._terminal else LOG_SECONDS):
            self._show()

    def _show(self, last: bool = False) -> None:
        seconds = time.monotonic() - self._started
        line = progress_line(self._label, self._measure(), self._total, seconds, self._beside())
        if self._terminal:
            # Erase to the end of the line: the new one may be shorter.
            self._stream.write(f"\r{line}\x1b[K" + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()
