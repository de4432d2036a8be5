"""What Delta says where two writers meet, and trying again where they do."""

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from delta import exceptions
from pyspark.errors import AnalysisException

Result = TypeVar("Result")

# In Python none of Delta's conflicts is a subclass of another.
CONFLICTS = (
    exceptions.ConcurrentAppendException,
    exceptions.ConcurrentDeleteDeleteException,
    exceptions.ConcurrentDeleteReadException,
    exceptions.ConcurrentTransactionException,
    exceptions.ConcurrentWriteException,
    exceptions.DeltaConcurrentModificationException,
    exceptions.MetadataChangedException,
    exceptions.ProtocolChangedException,
)
# Two jobs that make the same table at once: one of them finds it made, or half made.
MADE_MEANWHILE = ("ALREADY_EXISTS", "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION", "DELTA_TABLE_NOT_FOUND")
# So few tries that a folder of something else is soon refused: about 20 seconds.
CREATE_ATTEMPTS = 6
# What is compacted is written anew each time, for nothing where others write.
COMPACT_ATTEMPTS = 3
# A commit that lost to another writer is tried again from the new snapshot, this often.
COMMIT_ATTEMPTS = 20


def retry_conflicts(
    write: Callable[[], Result],
    attempts: int = COMMIT_ATTEMPTS,
    signs: Sequence[str] = (),
    wait: Callable[[float], None] = time.sleep,
) -> Result:
    """Calls `write` until it meets no concurrent commit, waiting longer each time, with jitter (seconds).

    Delta aborts one of any two concurrent MERGEs on an unpartitioned table; the loser must try again.
    `signs`: what Spark's analysis says where two such writers meet otherwise.
    """
    for attempt in range(1, attempts + 1):
        try:
            return write()
        except (*CONFLICTS, AnalysisException) as error:
            if attempt == attempts or not _is_conflict(error, signs):
                raise
            wait(backoff(attempt))
    raise AssertionError("unreachable")


def backoff(attempt: int) -> float:
    """Seconds to wait after an attempt, the first being 1: longer each time, with jitter."""
    return random.uniform(0.5, 1.0) * min(30.0, 0.5 * float(2**attempt))


def _is_conflict(error: Exception, signs: Sequence[str]) -> bool:
    return isinstance(error, CONFLICTS) or any(sign in str(error) for sign in signs)
