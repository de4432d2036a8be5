"""What to do with an answer of the look-up API: a value, decided without any I/O."""

import enum
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Action(enum.Enum):
    """What comes next for a batch."""

    ACCEPT = "accept"
    RETRY = "retry"
    SPLIT = "split"
    FAIL = "fail"
    STOP = "stop"


@dataclass(frozen=True)
class Reply:
    """What came of one request: an HTTP status, or none and the reason why there is no answer.

    `problem` is also set for a status of 200 whose body is not what the API promises.
    """

    status: int | None
    problem: str | None = None
    retry_after: str | None = None


@dataclass(frozen=True)
class Decision:
    """The action; for RETRY the seconds to wait first; for all but ACCEPT the reason."""

    action: Action
    reason: str = ""
    wait: float = 0.0


# Statuses after which the same request may well succeed.
TRANSIENT = frozenset({408, 429})
# The batch itself is refused: an id in it may be why, so halves are asked.
REFUSED_BATCH = frozenset({400, 413, 422})


@dataclass(frozen=True)
class Policy:
    """When to ask again, how long to wait, when to split a batch and when to stop the job.

    Waits double from `base` to `cap` seconds, with full jitter between half and the whole of it;
    an API that says Retry-After is believed, up to `longest_pause`.
    """

    max_attempts: int
    base: float = 0.5
    cap: float = 30.0
    longest_pause: float = 900.0

    def decide(self, reply: Reply, attempt: int, ids: int, now: datetime | None = None) -> Decision:
        """What to do after the given attempt (from 1) at a batch of so many ids."""
        if reply.status is not None and 200 <= reply.status < 300 and reply.problem is None:
            return Decision(Action.ACCEPT)
        reason = reply.problem or f"HTTP {reply.status}"
        if reply.status in REFUSED_BATCH:
            return Decision(Action.SPLIT if ids > 1 else Action.FAIL, reason)
        if self._is_transient(reply):
            if attempt >= self.max_attempts:
                return Decision(Action.FAIL, reason)
            return Decision(Action.RETRY, reason, self.wait(attempt, reply.retry_after, now))
        return Decision(Action.STOP, reason)

    def _is_transient(self, reply: Reply) -> bool:
        if reply.status is None or reply.status in TRANSIENT or reply.status >= 500:
            return True
        return 200 <= reply.status < 300

    def wait(self, attempt: int, retry_after: str | None, now: datetime | None = None) -> float:
        """Seconds before the next attempt."""
        asked = parse_retry_after(retry_after, now or datetime.now(UTC))
        if asked is not None:
            return min(asked, self.longest_pause)
        # The exponent is bounded: a float holds no 2 to the power of thousands.
        return random.uniform(0.5, 1.0) * min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given in seconds or as an HTTP date; None if unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
