"""What the ranks print, on its way to the driver's output: progress, and errors to explain a failure."""

import json
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from adc.progress import duration

# Begins a line of facts that a rank prints for the driver.
PROGRESS_MARK = "adc-progress "
# The last line of a traceback; and of one that tells of an error elsewhere.
ERROR = re.compile(r"(?:\w+\.)*\w+(?:Error|Exception): ")
WRAPPED = re.compile("Graph execution error|HorovodInternalError")
# Bytes of a rank's output that Horovod hands on at a time: a line waits until so many are there.
PIECE = 65536


def tell_driver(facts: Mapping[str, Any]) -> None:
    """Prints a line of facts on a rank, which reaches the driver's `RankOutput` at once."""
    sys.stdout.write(f"{PROGRESS_MARK}{json.dumps(facts)}\n{' ' * PIECE}\n")
    sys.stdout.flush()


class RankOutput:
    """Takes what the ranks print: facts become the progress line, errors are kept to explain a failure."""

    def __init__(self, stage: str, epochs: int, logs: Any = None) -> None:
        self._stage, self._epochs, self._logs = stage, epochs, logs
        self._errors: list[str] = []
        self._partial = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Called by Horovod with pieces of the ranks' output."""
        # One thread a rank and stream writes here.
        with self._lock:
            *lines, self._partial = (self._partial + text).split("\n")
            for line in lines:
                facts = _facts(line)
                if facts:
                    print(f"{self._stage}: {self._told(facts)}", file=sys.stderr, flush=True)
                    self._log(facts)
                # Horovod writes `[0]<stderr>:` before each line.
                elif ERROR.match(line := re.sub(r"^\[\d+\]<\w+>:", "", line).strip()):
                    self._errors.append(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def _log(self, facts: dict[str, Any]) -> None:
        """The numbers of an epoch that is done, or of a step on the way there, for TensorBoard."""
        if self._logs is None or "epoch" not in facts:
            return
        group = "epoch" if facts.get("done") else "step"
        step = facts["epoch"] if facts.get("done") else (facts["epoch"] - 1) * facts["steps"] + facts["step"]
        for name, value in facts.items():
            if isinstance(value, float):
                self._logs.add_scalar(f"{group}/{name}", value, step)
        self._logs.flush()

    def _told(self, facts: dict[str, Any]) -> str:
        if "resumed" in facts:
            return f"going on after epoch {facts['resumed']} of {self._epochs}"
        epoch = f"epoch {facts['epoch']} of {self._epochs}"
        speed = f", {facts['rate']:,.0f} examples/s" if "rate" in facts else ""
        speed += f", {duration(facts['left'])} left" if facts.get("left") else ""
        if not facts.get("done"):
            return f"{epoch}, step {facts['step']:,} of {facts['steps']:,}, loss {facts['loss']:.3f}{speed}"
        figures = "".join(
            f", {name.replace('_', ' ')} {100 * facts[name]:.1f} %"
            for name in ("val_accuracy", "val_macro_f1")
            if name in facts
        )
        return f"{epoch} done in {facts['seconds']:.0f} s, loss {facts['loss']:.3f}{figures}{speed}"

    def cause(self) -> str | None:
        """What the first traceback of a rank ends in, if there was one.

        What follows is mostly other ranks that miss this one, and TensorFlow, which wraps it.
        """
        own = [error for error in self._errors if not WRAPPED.search(error)]
        return next(iter([*own, *self._errors]), None)


def _facts(line: str) -> dict[str, Any] | None:
    """What a rank told in a line; None for other lines, and for one that another stream has cut in two."""
    _, mark, facts = line.partition(PROGRESS_MARK)
    with suppress(ValueError):
        return json.loads(facts) if mark else None
    return None
