"""How the lookup server behaves and misbehaves: its settings, the fault a request gets, the rate limit.

Nothing here does I/O or reads a clock.
"""

import math
import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from adc.errors import UsageError
from adc.lookup_server.http1 import Reply, refusal


class Fault(StrEnum):
    """What a request gets in place of its good answer; the values are names in the statistics."""

    ERROR_500 = "error_500"
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    ERROR_503_RETRY_AFTER = "error_503_retry_after"
    ERROR_HTML = "error_html"  # status 200, a web page in the body
    ERROR_NOT_JSON = "error_not_json"  # status 200, called JSON but is not
    CUT = "cut"  # the connection closes half-way through the body
    RESET = "reset"  # TCP RST before any byte of an answer
    DRIP = "drip"  # the whole answer, its body in small pieces


ERROR_REPLIES = {
    Fault(reply.kind): reply
    for reply in (
        refusal(500, "internal error", kind=Fault.ERROR_500),
        refusal(502, "bad gateway", kind=Fault.ERROR_502),
        refusal(503, "unavailable", kind=Fault.ERROR_503),
        refusal(503, "unavailable", "Retry-After: 1", kind=Fault.ERROR_503_RETRY_AFTER),
        Reply(Fault.ERROR_HTML, 200, b"<html><body>Back soon</body></html>", (), "text/html; charset=utf-8"),
        Reply(Fault.ERROR_NOT_JSON, 200, b'{"error": over capacity'),
    )
}


@dataclass(frozen=True)
class Behaviour:
    """Settings of the lookup server. Raises UsageError for a value out of range.

    latency:      seconds before every answer to a look-up.
    rate_limit:   requests a second over the whole server, 0 = no limit; see RateWindow.
    *_rate:       the share of requests, 0 to 1, that get this kind of fault; in sum at most 1.
    drip_seconds: how long a dripped body takes.
    seed:         the same seed gives the n-th request the same fault.
    token:        when set, look-ups without `Authorization: Bearer <token>` are answered 401.
    """

    latency: float = 0.0
    rate_limit: float = 0.0
    error_rate: float = 0.0
    cut_rate: float = 0.0
    reset_rate: float = 0.0
    drip_rate: float = 0.0
    drip_seconds: float = 5.0
    seed: int = 0
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("latency", "rate_limit", "drip_seconds"):
            if not 0 <= getattr(self, name) <= 1_000_000:
                raise UsageError(f"{name} is {getattr(self, name)}: give a number from 0 to 1000000")
        rates = ("error_rate", "cut_rate", "reset_rate", "drip_rate")
        for name in rates:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give a share from 0 to 1")
        if (total := math.fsum(getattr(self, name) for name in rates)) > 1:
            raise UsageError(f"{', '.join(rates)} add up to {total:g}: together they can be at most 1")
        if self.token == "":
            raise UsageError("token is empty: give one, or leave it out to let everyone in")


def fault_of(number: int, behaviour: Behaviour) -> Fault | None:
    """The fault that the `number`-th well-formed look-up gets, None for a good answer."""
    draw = random.Random(f"{behaviour.seed}/{number}")
    point = draw.random()
    for faults, rate in (
        (tuple(ERROR_REPLIES), behaviour.error_rate),
        ((Fault.CUT,), behaviour.cut_rate),
        ((Fault.RESET,), behaviour.reset_rate),
        ((Fault.DRIP,), behaviour.drip_rate),
    ):
        if point < rate:
            return draw.choice(faults)
        point -= rate
    return None


class RateWindow:
    """At most `ceil(rate)` requests in any window of `ceil(rate) / rate` seconds.

    For a whole rate this is at most `rate` in any one second, wherever that second starts (a token bucket
    would let through twice as many around its refill); 2.5 is 3 in any 1.2 s, 0.5 is 1 in any 2 s.
    """

    def __init__(self, rate: float) -> None:
        size = math.ceil(rate)
        self._seconds = size / rate if rate else 0.0
        self._admitted: deque[float] = deque(maxlen=size)

    def wait(self, now: float) -> float:
        """0 if a request at `now` (seconds, never falling) is admitted, else the seconds until one can be."""
        if self._seconds and len(self._admitted) == self._admitted.maxlen:
            passed = now - self._admitted[0]
            if passed < self._seconds:
                return self._seconds - passed
        self._admitted.append(now)
        return 0.0
