"""Asks a look-up API for one batch of ids until every one of them has an outcome. Knows no Spark."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adc.scraping.apis import LookupApi
from adc.scraping.gate import StoppedError
from adc.scraping.policy import REFUSED_BATCH, TOO_LARGE, Action, Decision, Policy
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


def look_up(
    api: LookupApi,
    policy: Policy,
    ids: Sequence[str],
    turns: Turns,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """An outcome for every id, in their order; when the job is stopped, for those judged by then.

    A batch that is refused, or fails every time, is split to find the ids that cause it. One id of it is
    asked alone first, whose answer shows that the API is in order, then both halves, before either is split
    again: so bad ids never make a long row of failures. What the API has refused as too large is not asked
    again, of this batch or the next. Ids that fail while it serves nothing, to anybody, are not judged.
    """
    judged: dict[str, Outcome] = {}
    failed: dict[str, Outcome] = {}
    parts = deque([(list(dict.fromkeys(ids)), 0)] if ids else [])  # with the requests they were in before
    before: int | None = None
    served = False
    try:
        while parts:
            part, requests = parts.popleft()
            attempt, pauses = 1, 0
            decision = Decision(Action.SPLIT if len(part) > api.most else Action.RETRY, harmless=True)
            while decision.action in (Action.RETRY, Action.PAUSE):
                by_now = turns.enter()
                before = by_now if before is None else before
                response, answers = api.ask(part)
                requests += 1
                decision = policy.decide(response, attempt, len(part), pauses=pauses)
                served = served or by_now > before or decision.action is Action.ACCEPT
                counts: Counter[str] = Counter()
                if decision.action is Action.ACCEPT:
                    outcomes = [_outcome(id_, answers.get(id_), response.status, requests) for id_ in part]
                    judged |= {outcome.id: outcome for outcome in outcomes}
                    counts.update(outcome.status for outcome in outcomes)
                    counts[UNREQUESTED] = len(answers.keys() - set(part))
                elif decision.action is Action.FAIL:
                    reason = without_surrogates(decision.reason)
                    outcome = Outcome(part[0], "failed", None, response.status, reason, requests)
                    failed[outcome.id] = outcome
                    counts[outcome.status] = 1
                    # Of one id alone it is the id that is refused.
                    served = (
                        served or response.too_long or (len(ids) == 1 and response.status in REFUSED_ALONE)
                    )
                turns.leave(decision, counts)
                pauses += decision.action is Action.PAUSE
                if decision.action is Action.RETRY:
                    attempt += 1
                    sleep(decision.wait)
                elif response.status == TOO_LARGE:
                    api.most = min(api.most, max(1, len(part) // 2))
            if decision.action is Action.SPLIT:
                if not decision.harmless and len(part) > 2:
                    parts.appendleft((part[:1], requests))
                    part = part[1:]
                middle = len(part) // 2
                parts.extend([(part[:middle], requests), (part[middle:], requests)])
    except StoppedError:
        pass
    if served:
        judged |= failed
    return [judged[id_] for id_ in ids if id_ in judged]


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
