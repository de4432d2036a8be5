"""What to do with an answer of the look-up API: a value, decided without any I/O."""

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Action(enum.Enum):
    """What comes next for a batch."""

    ACCEPT = "accept"
    RETRY = "retry"  # this batch waits, others go on
    PAUSE = "pause"  # the API wants less: all wait, and no attempt is used up
    SPLIT = "split"
    FAIL = "fail"
    STOP = "stop"  # the whole job


@dataclass(frozen=True)
class Response:
    """What came of one request: an HTTP status, or none and the reason why there is no answer.

    `problem` is also set for a status of 200 whose body is not what the API promises; `too_long` for an
    answer that was broken off at the most bytes allowed. The names of `headers` are in lower case.
    """

    status: int | None
    problem: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    too_long: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do about an answer.

    `reason`: why, unless ACCEPT. `wait`: seconds that this batch (RETRY) or all (PAUSE, ACCEPT) wait first.
    `harmless`: the try failed only because it asked for too much at once; the API is not out of order.
    """

    action: Action
    reason: str = ""
    wait: float = 0.0
    harmless: bool = False


TRANSIENT = frozenset({408})  # and 5xx: the same request may well succeed
TOO_MANY = 429
# The batch itself is refused: an id in it may be why, so halves are asked.
REFUSED_BATCH = frozenset({400, 422})
TOO_LARGE = 413


@dataclass(frozen=True)
class Policy:
    """When to ask again, how long to wait, when to split a batch and when to stop the job.

    Waits double from `base` to `cap` seconds, with full jitter between half and the whole of it;
    an API that says how long (see `asked_to_wait`) is believed, from `base` to `longest_pause`.
    """

    max_attempts: int
    base: float = 0.5
    cap: float = 30.0
    longest_pause: float = 900.0

    def decide(
        self, response: Response, attempt: int, ids: int, now: datetime | None = None, pauses: int = 0
    ) -> Decision:
        """What to do after the given attempt (from 1) at a batch of so many ids, which has paused before."""
        if response.status is not None and 200 <= response.status < 300 and response.problem is None:
            return Decision(Action.ACCEPT, wait=self._spent(response, now))
        reason = response.problem or f"HTTP {response.status}"
        split_or_fail = Decision(Action.SPLIT if ids > 1 else Action.FAIL, reason)
        if response.too_long or response.status == TOO_LARGE:
            return replace(split_or_fail, harmless=ids > 1)
        if response.status in REFUSED_BATCH:
            return split_or_fail
        if response.status == TOO_MANY:
            return Decision(Action.PAUSE, reason, self.wait(pauses + 1, response, now))
        if self._is_transient(response):
            # What fails every time may be one id's fault: halves tell.
            if attempt >= self.max_attempts:
                return split_or_fail
            return Decision(Action.RETRY, reason, self.wait(attempt, response, now))
        return Decision(Action.STOP, reason)

    def patience(self, in_flight: int) -> int:
        """Tries that may fail in a row, over all tasks, before the API is taken to be out of order.

        A lone id that makes its batch fail costs two batches' attempts before its other half succeeds; twice
        what is in flight leaves room for several such at once.
        """
        return self.max_attempts * (2 * in_flight + 2)

    def wait(self, attempt: int, response: Response, now: datetime | None = None) -> float:
        """Seconds before the next attempt."""
        asked = asked_to_wait(response, now or datetime.now(UTC))
        # A time that has passed already tells of clocks that differ, or nothing at all.
        if asked is not None and asked >= self.base:
            return min(asked, self.longest_pause)
        # The exponent is bounded: a float holds no 2 to the power of thousands.
        return random.uniform(0.5, 1.0) * min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))

    def _is_transient(self, response: Response) -> bool:
        if response.status is None or response.status in TRANSIENT or response.status >= 500:
            return True
        return 200 <= response.status < 300

    def _spent(self, response: Response, now: datetime | None) -> float:
        """Seconds until an API whose answer says that it was the last one for now gives more."""
        if not _used_up(response):
            return 0.0
        return min(_until_reset(response.headers, now or datetime.now(UTC)) or 0.0, self.longest_pause)


def asked_to_wait(response: Response, now: datetime) -> float | None:
    """Seconds to wait that an answer asks for, by Retry-After or x-rate-limit-reset; None if neither."""
    after = parse_retry_after(response.headers.get("retry-after"), now)
    # X tells with every answer when its limit is reset: that asks for nothing while requests are left.
    if after is None and (response.status == TOO_MANY or _used_up(response)):
        return _until_reset(response.headers, now)
    return after


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given in seconds or as an HTTP date; None if unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _used_up(response: Response) -> bool:
    """Whether the answer says that it was the last one that the API gives for now."""
    return response.headers.get("x-rate-limit-remaining", "").strip() == "0"


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until x-rate-limit-reset, which is in seconds since 1970; None if it is not there."""
    value = headers.get("x-rate-limit-reset", "").strip()
    return max(0.0, float(value) - now.timestamp()) if value.isdecimal() else None
