"""Asks a look-up API for one batch of ids until every one of them has an outcome. Knows no Spark."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adc.scraping.apis import LookupApi
from adc.scraping.gate import StoppedError
from adc.scraping.policy import TOO_LARGE, Action, Decision, Policy
from adc.texts import without_surrogates

# In the counts, not an outcome: what an answer holds beyond the ids that were asked for.
UNREQUESTED = "unrequested"


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

    def enter(self) -> None:
        """Waits for a turn."""

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

    A batch that is refused, or fails every time, is split to find the id that causes it. Both halves are
    asked before either is split again, so that a lone bad id never makes a long row of failures. What the
    API has refused as too large is not asked again, of this batch or the next.
    """
    judged: dict[str, Outcome] = {}
    parts = deque([(list(dict.fromkeys(ids)), 0)] if ids else [])  # with the requests they were in before
    try:
        while parts:
            part, requests = parts.popleft()
            attempt, pauses = 1, 0
            action = Action.SPLIT if len(part) > api.most else Action.RETRY
            while action in (Action.RETRY, Action.PAUSE):
                turns.enter()
                reply, answers = api.ask(part)
                requests += 1
                decision = policy.decide(reply, attempt, len(part), pauses=pauses)
                action = decision.action
                outcomes: list[Outcome] = []
                counts: Counter[str] = Counter()
                if action is Action.ACCEPT:
                    outcomes = [_outcome(id_, answers.get(id_), reply.status, requests) for id_ in part]
                    counts[UNREQUESTED] = len(answers.keys() - set(part))
                elif action is Action.FAIL:
                    reason = without_surrogates(decision.reason)
                    outcomes = [Outcome(id_, "failed", None, reply.status, reason, requests) for id_ in part]
                judged |= {outcome.id: outcome for outcome in outcomes}
                counts.update(outcome.status for outcome in outcomes)
                turns.leave(decision, counts)
                pauses += action is Action.PAUSE
                if action is Action.RETRY:
                    attempt += 1
                    sleep(decision.wait)
                elif reply.status == TOO_LARGE:
                    api.most = min(api.most, max(1, len(part) // 2))
            if action is Action.SPLIT:
                middle = len(part) // 2
                parts.extend([(part[:middle], requests), (part[middle:], requests)])
    except StoppedError:
        pass
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
