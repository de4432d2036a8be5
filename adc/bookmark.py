"""How far runs have come in an input, so that the next one need not take it all again."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError

from adc.errors import RunError
from adc.files import Files

OTHER_RULES = "another run over the same input has begun under other settings; this one has stopped"
MIXED = (
    "another run over the same input, under other settings, wrote at the same time as this one, and what is "
    "there now is of both: run the one that you want again"
)
# How often one that is torn is read, and seconds between: another run may be writing it right now.
READS, READ_SECONDS = 5, 0.1
# For the newer of the two, once the older has taken its bookmark away.
RUN_BESIDE = "another run worked here under other settings meanwhile; run the same again, for a full pass"


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
        own = self._own()
        return own["noted"] if own else None

    def begin(self, relying: bool, **noted: Any) -> None:
        """Notes it in place of what runs under any rules have noted.

        One `relying` on what was noted before raises RunError where a run under others has begun since.
        """
        own = self._own()
        if relying and not own:
            raise RunError(OTHER_RULES)
        self._write(noted, own is not None and own["wrote"])

    def move(self, **noted: Any) -> None:
        """Notes it in place of values of these names, unless another run has taken the bookmark away."""
        if own := self._own():
            self._write(own["noted"] | noted, own["wrote"])

    @contextmanager
    def held(self) -> Iterator[None]:
        """To be held while results are written; raises RunError where a run under other rules has begun."""
        found = self._read()
        if found and found["rules"] != self.rules:
            raise RunError(OTHER_RULES)
        if found and not found["wrote"]:
            self._write(found["noted"], wrote=True)
        yield
        found = self._read()
        if found and found["rules"] != self.rules:
            if not found["wrote"]:
                # It will write all that this run has written anew.
                raise RunError(OTHER_RULES)
            self.files.delete(self.place)
            raise RunError(MIXED)

    def _own(self) -> dict[str, Any] | None:
        found = self._read()
        return found if found and found["rules"] == self.rules else None

    def _write(self, noted: dict[str, Any], wrote: bool) -> None:
        self.files.write_text(self.place, json.dumps({"rules": self.rules, "wrote": wrote, "noted": noted}))

    def _read(self) -> dict[str, Any] | None:
        for _ in range(READS):
            try:
                found: dict[str, Any] = json.loads(self.files.read_text(self.place))
            except ValueError:
                time.sleep(READ_SECONDS)
            except Py4JJavaError as error:  # not there, as each file system says in words of its own
                if not self.files.exists(self.place):
                    return None
                if "ChecksumException" not in str(error.java_exception):
                    raise
                time.sleep(READ_SECONDS)
            else:
                return found if found.keys() >= {"rules", "wrote", "noted"} else None
        return None  # killed while it was written
