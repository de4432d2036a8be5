"""How many requests may be sent and under way, and when all stop: decided for the whole job, without I/O."""

from dataclasses import dataclass

from adc.scraping.policy import Action, Decision

# The interval between requests is longer than the rate asks for by this share. One request held up on its way
# and the next not would otherwise meet within the API's second as one too many.
MARGIN = 0.02
# A request that is sent late by up to so many seconds does not delay those after it.
CATCH_UP = 0.01
# A pause of more seconds than these is one that whoever watches would wonder at.
LONG_PAUSE = 10.0


@dataclass
class Limiter:
    """At most `rate` requests a second (0: no limit) and `in_flight` under way.

    `patience` tries that fail in a row stop the job, as one does that shows the API to refuse this client;
    `stopped` is the reason. `served` requests were answered; `failure` is why the latest of the others was
    not; `paused` are the seconds for which the API has made all wait. Times are seconds of any clock that
    does not go back.
    """

    rate: float
    in_flight: int
    patience: int
    under_way: int = 0
    stopped: str | None = None
    served: int = 0
    failure: str = ""
    paused: float = 0.0
    _failed_in_a_row: int = 0
    _next: float = 0.0
    _paused_until: float = 0.0
    _told_until: float = 0.0

    def enter(self, now: float) -> float | None:
        """0 and one more is under way; else seconds after which to ask again, None: once one has left."""
        if self.under_way >= self.in_flight:
            return None
        wait = max(self._next, self._paused_until) - now
        if wait > 0:
            return wait
        self.under_way += 1
        if self.rate:
            self._next = max(self._next, now - CATCH_UP) + (1 + MARGIN) / self.rate
        return 0.0

    def leave(self, decision: Decision, now: float) -> None:
        """One request is no longer under way; what was decided on its answer counts for all."""
        self.under_way -= 1
        if decision.action is Action.ACCEPT:
            self._failed_in_a_row = 0
            self.served += 1
        elif not decision.harmless:
            self._failed_in_a_row += 1
            self.failure = decision.reason
        if decision.action in (Action.ACCEPT, Action.PAUSE):
            self.paused += max(0.0, now + decision.wait - max(now, self._paused_until))
            self._paused_until = max(self._paused_until, now + decision.wait)
        if decision.action is Action.STOP:
            self.stopped = self.stopped or decision.reason
        elif self._failed_in_a_row >= self.patience:
            self.stopped = (
                self.stopped or f"{self._failed_in_a_row} tries in a row failed, the last: {decision.reason}"
            )

    def long_pause(self, now: float) -> float:
        """The seconds of a long pause that has not been told yet; 0 if there is none."""
        if self._paused_until - max(now, self._told_until) <= LONG_PAUSE:
            return 0.0
        self._told_until = self._paused_until
        return self._paused_until - now

    def abandon(self, requests: int) -> None:
        """So many requests are no longer under way: the task that sent them is gone."""
        self.under_way -= requests
