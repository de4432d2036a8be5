"""Asks a look-up API for one batch of ids until every one of them has an outcome. Knows no Spark."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from adc.scraping.apis import LookupApi
from adc.scraping.gate import StoppedError
from adc.scraping.policy import REFUSED_BATCH, TOO_LARGE, Action, Decision, Policy, Response
from adc.texts import without_surrogates

# In the counts, not an outcome: what an answer holds beyond the ids that were asked for.
UNREQUESTED = "unrequested"
# Statuses by which an API that works refuses one id alone.
REFUSED_ALONE = REFUSED_BATCH | {TOO_LARGE}


@dataclass(frozen=True)
class Outcome:
    """What is known of one id after it was asked for; `attempts` are the requests that it was in."""

    id: str
    status: str  # found, missing or failed
    text: str | None = None
    http_status: int | None = None
    error: str | None = None
    attempts: int = 0


class Turns(Protocol):
    """What a gate does: `enter` waits for a turn or raises StoppedError, `leave` gives it back."""

    def enter(self) -> int:
        """Waits for a turn; how many requests of the job have been served by then."""

    def leave(self, decision: Decision, counts: Mapping[str, int]) -> None:
        """Gives it back, with what was decided and the ids settled by outcome."""

    def rest(self, seconds: float) -> None:
        """Waits so long, but no longer than the job goes on."""


def look_up(
    api: LookupApi, policy: Policy, ids: Sequence[str], turns: Turns, witness: str | None = None
) -> list[Outcome]:
    """An outcome for every id, in their order; when the job is stopped, for those judged by then.

    A batch that is refused, or fails every time, is split to find the ids that cause it. One id of it is
    asked alone first, whose answer shows that the API is in order, then both halves, before either is split
    again: so bad ids never make a long row of failures. What the API has refused as too large is not asked
    again, of this batch or the next. Ids that fail while it serves nothing, to anybody, are not judged;
    `witness`, an id that it has had, is asked for to tell whether it does where nobody else asks.
    """
    batch = _Batch(api, policy, turns, lone=len(ids) == 1, witness=witness)
    parts = deque([(list(dict.fromkeys(ids)), 0)] if ids else [])  # with the requests they were in before
    with suppress(StoppedError):
        while parts:
            part, requests = parts.popleft()
            decision, requests = batch.ask(part, requests)
            if decision.action is Action.SPLIT:
                if not decision.harmless and len(part) > 2:
                    parts.appendleft((part[:1], requests))
                    part = part[1:]
                middle = len(part) // 2
                parts.extend([(part[:middle], requests), (part[middle:], requests)])
    judged = batch.judged | (batch.failed if batch.served else {})
    return [judged[id_] for id_ in ids if id_ in judged]


@dataclass
class _Batch:
    """A batch on its way: what its answers have settled, and whether the API serves anybody meanwhile.

    judged, failed: outcomes by id; the latter hold only if the API is `served` at all. lone: it is of one id.
    witness: an id that the API has had.
    """

    api: LookupApi
    policy: Policy
    turns: Turns
    lone: bool
    witness: str | None = None
    judged: dict[str, Outcome] = field(default_factory=dict)
    failed: dict[str, Outcome] = field(default_factory=dict)
    served: bool = False
    served_before: int | None = None

    def ask(self, part: list[str], requests: int) -> tuple[Decision, int]:
        """Asks for some of its ids until they are settled or to be split.

        requests: how many they were in before. Returns the last decision, and how many they have been in now.
        Raises StoppedError.
        """
        if len(part) > self.api.most:
            return Decision(Action.SPLIT, harmless=True), requests
        attempt, pauses, before = 1, 0, None
        while True:
            by_now = self.turns.enter()
            before = by_now if before is None else before
            self.served_before = by_now if self.served_before is None else self.served_before
            response, answers = self.api.ask(part)
            requests += 1
            decision = self.policy.decide(response, attempt, len(part), pauses=pauses)
            self.served = self.served or by_now > self.served_before or decision.action is Action.ACCEPT
            self.turns.leave(decision, self._settle(part, decision, response, answers, requests))
            if decision.action is Action.RETRY:
                attempt += 1
                self.turns.rest(decision.wait)
            elif decision.action is Action.PAUSE:
                pauses += 1
            else:
                break
        # Where nobody else is served meanwhile.
        if decision.action is Action.FAIL and self.witness and by_now == before:
            self._ask_for_the_witness(self.witness)
        if response.status == TOO_LARGE:
            self.api.most = min(self.api.most, max(1, len(part) // 2))
        return decision, requests

    def _ask_for_the_witness(self, witness: str) -> None:
        """Once: where it is served what has failed is to blame itself. Raises StoppedError."""
        self.turns.enter()
        response, _ = self.api.ask([witness])
        decision = self.policy.decide(response, 1, 1)
        self.served = self.served or decision.action is Action.ACCEPT
        self.turns.leave(decision, {})

    def _settle(
        self,
        part: list[str],
        decision: Decision,
        response: Response,
        answers: Mapping[str, Any],
        requests: int,
    ) -> Counter[str]:
        """Keeps what the decision settles; the number of ids by outcome."""
        counts: Counter[str] = Counter()
        if decision.action is Action.ACCEPT:
            outcomes = [_outcome(id_, answers.get(id_), response.status, requests) for id_ in part]
            self.judged |= {outcome.id: outcome for outcome in outcomes}
            counts.update(outcome.status for outcome in outcomes)
            counts[UNREQUESTED] = len(answers.keys() - set(part))
        elif decision.action is Action.FAIL:
            reason = without_surrogates(decision.reason)
            self.failed[part[0]] = Outcome(part[0], "failed", None, response.status, reason, requests)
            counts["failed"] = 1
            # Of one id alone it is the id that is refused.
            refused_alone = self.lone and response.status in REFUSED_ALONE
            self.served = self.served or response.too_long or refused_alone
        return counts


def _outcome(tweet_id: str, value: Any, http_status: int | None, attempts: int) -> Outcome:
    if value is None:
        return Outcome(tweet_id, "missing", None, http_status, None, attempts)
    if isinstance(value, Exception):
        return Outcome(tweet_id, "missing", None, http_status, without_surrogates(str(value)), attempts)
    if not isinstance(value, str):
        reason = f"the answer for this id is a JSON {type(value).__name__}, not a string"
        return Outcome(tweet_id, "failed", None, http_status, reason, attempts)
    text = without_surrogates(value)
    error = None if text == value else "surrogates"
    return Outcome(tweet_id, "found", text, http_status, error, attempts)
