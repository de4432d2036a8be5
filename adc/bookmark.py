"""How far runs have come in an input, so that the next one need not take it all again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adc.errors import RunError
from adc.files import Files

OTHER_RULES = (
    "another run has begun to work here under other settings, and what both wrote would be mixed; "
    "this one has stopped"
)


@dataclass(frozen=True)
class Bookmark:
    """A small file in the lake that says how far runs over one input have come, and under which rules.

    `rules` name whatever decides a row's fate. What was done under others has to be done again; of two runs
    at once under unlike rules the one that began first stops.
    """

    files: Files
    place: str
    rules: str

    def noted(self) -> dict[str, Any] | None:
        """What was noted under these rules; None where no run, or one under others, came last."""
        found = self._read()
        return found.get("noted") if found and found["rules"] == self.rules else None

    def begin(self, **noted: Any) -> None:
        """Notes it in place of what runs under any rules have noted."""
        self.files.write_text(self.place, json.dumps({"rules": self.rules, "noted": noted}))

    def move(self, **noted: Any) -> None:
        """Notes it in place of values of these names, unless another run has taken the bookmark away."""
        still = self.noted()
        if still is not None:
            self.begin(**still | noted)

    @contextmanager
    def held(self) -> Iterator[None]:
        """To be held while results are written; raises RunError where a run under other rules has begun."""
        self._stop_for_others()
        yield
        # One that has begun meanwhile may have written the same rows before: then both begin anew.
        self._stop_for_others(taking_away=True)

    def _stop_for_others(self, taking_away: bool = False) -> None:
        found = self._read()
        if found and found["rules"] != self.rules:
            if taking_away:
                self.files.delete(self.place)
            raise RunError(OTHER_RULES)

    def _read(self) -> dict[str, Any] | None:
        if not self.files.exists(self.place):
            return None
        try:
            found: dict[str, Any] = json.loads(self.files.read_text(self.place))
        except ValueError:  # killed while it was written
            return None
        return found
