from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adc.scraping.policy import Action, Decision, Policy, Response, parse_retry_after

ACCEPT, RETRY, PAUSE = Action.ACCEPT, Action.RETRY, Action.PAUSE
SPLIT, FAIL, STOP = Action.SPLIT, Action.FAIL, Action.STOP
NOW = datetime(2025, 1, 31, 12, 0, 0, tzinfo=UTC)
POLICY = Policy(max_attempts=3)


@pytest.mark.parametrize(
    ("status", "problem", "attempt", "ids", "action"),
    [
        (200, None, 1, 1000, ACCEPT),
        (200, None, 3, 1, ACCEPT),
        (204, None, 9, 1, ACCEPT),
        (299, None, 1, 1, ACCEPT),
        # Something between here and the API, or the API itself, is out of order for a while.
        (None, "ConnectionError", 1, 1000, RETRY),
        (None, "ConnectionError", 2, 1000, RETRY),
        # What fails every time may be one id's fault.
        (None, "ConnectionError", 3, 1000, SPLIT),
        (None, "ConnectionError", 4, 1, FAIL),
        (200, "the answer is not JSON", 1, 1000, RETRY),
        (200, "the answer is not JSON", 3, 1000, SPLIT),
        (408, None, 2, 1000, RETRY),
        (429, None, 1, 1000, PAUSE),
        (429, None, 300, 1, PAUSE),
        (500, None, 1, 1, RETRY),
        (502, None, 2, 1000, RETRY),
        (503, None, 3, 1000, SPLIT),
        (503, None, 3, 1, FAIL),
        (599, None, 1, 1, RETRY),
        # The batch is refused: the id to blame is found by halves, however often it was asked.
        (400, None, 1, 1000, SPLIT),
        (413, None, 3, 2, SPLIT),
        (422, None, 9, 3, SPLIT),
        (400, None, 1, 1, FAIL),
        (413, None, 1, 1, FAIL),
        (422, None, 3, 1, FAIL),
        # This client is refused, or this is not the API: asking for the next batch is of no use.
        (301, None, 1, 1000, STOP),
        (302, None, 3, 1, STOP),
        (304, None, 1, 1, STOP),
        (401, None, 1, 1000, STOP),
        (403, None, 1, 1, STOP),
        (404, None, 1, 1000, STOP),
        (405, None, 2, 1000, STOP),
        (410, None, 1, 1, STOP),
        (451, None, 3, 1000, STOP),
    ],
)
def test_what_to_do_with_a_reply(status, problem, attempt, ids, action):
    # Retry-After fixes the wait, which is drawn otherwise.
    decision = POLICY.decide(Response(status, problem, {"retry-after": "7"}), attempt, ids)
    reason = "" if action is ACCEPT else problem or f"HTTP {status}"
    # That a batch is too large says nothing of how the API does; that one id is, does.
    harmless = status == 413 and ids > 1
    assert decision == Decision(action, reason, 7.0 if action in (RETRY, PAUSE) else 0.0, harmless)


def date(ahead: timedelta) -> str:
    return (NOW + ahead).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        (date(timedelta(seconds=90)), 90.0),
        (date(timedelta(hours=-1)), 0.0),
        ("Fri, 31 Jan 2025 12:01:00", 60.0),
        ("Fri, 31 Jan 2025 14:00:30 +0200", 30.0),
        ("Friday, 31-Jan-25 12:00:10 GMT", 10.0),
        ("9" * 400, float("inf")),
        (None, None),
        ("", None),
        (" ", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Fri, 99 Foo 2025 12:00:00 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=40))
@settings(max_examples=200, derandomize=True)
def test_no_retry_after_breaks_anything(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [("899", 899.0), ("901", 900.0), ("9" * 400, 900.0), (date(timedelta(days=9)), 900.0)],
)
def test_an_api_that_says_how_long_is_believed_up_to_the_longest_pause(retry_after, wait):
    assert POLICY.wait(1, Response(503, headers={"retry-after": retry_after}), NOW) == wait


RESET = str(int(NOW.timestamp()) + 60)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-rate-limit-reset": RESET}, 60.0),
        ({"x-rate-limit-reset": "9" * 12}, 900.0),
        ({"x-rate-limit-reset": RESET, "retry-after": "5"}, 5.0),
        ({"x-rate-limit-reset": RESET, "retry-after": "soon"}, 60.0),
    ],
)
def test_an_api_that_says_when_its_limit_is_reset_is_believed(headers, wait):
    assert POLICY.decide(Response(429, headers=headers), 1, 9, NOW) == Decision(PAUSE, "HTTP 429", wait)


@pytest.mark.parametrize(
    ("status", "problem"), [(None, "Timeout"), (408, None), (500, None), (503, None), (200, "not JSON")]
)
@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        # X sends both headers with every answer.
        ({"x-rate-limit-remaining": "899", "x-rate-limit-reset": RESET}, 0.25, 0.5),
        ({"x-rate-limit-reset": RESET}, 0.25, 0.5),
        ({"x-rate-limit-remaining": "899", "x-rate-limit-reset": RESET, "retry-after": "5"}, 5.0, 5.0),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": RESET}, 60.0, 60.0),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": RESET, "retry-after": "5"}, 5.0, 5.0),
    ],
)
def test_what_failed_for_once_waits_for_a_reset_only_where_no_request_is_left(
    status, problem, headers, least, most
):
    decision = POLICY.decide(Response(status, problem, headers), 1, 9, NOW)
    assert decision.action is RETRY
    assert least <= decision.wait <= most


@pytest.mark.parametrize(
    ("remaining", "reset", "wait"),
    [
        ("0", RESET, 60.0),
        ("0", "9" * 12, 900.0),
        ("1", RESET, 0.0),
        ("", RESET, 0.0),
        ("00", RESET, 0.0),
    ],
)
def test_after_the_last_request_that_a_limit_allows_all_wait(remaining, reset, wait):
    headers = {"x-rate-limit-remaining": remaining, "x-rate-limit-reset": reset}
    assert POLICY.decide(Response(200, headers=headers), 1, 9, NOW) == Decision(ACCEPT, wait=wait)


@pytest.mark.parametrize(("ids", "action"), [(2, SPLIT), (1, FAIL)])
def test_an_answer_that_is_too_long_is_not_asked_for_again(ids, action):
    decision = POLICY.decide(Response(200, "long", too_long=True), 1, ids)
    assert decision == Decision(action, "long", harmless=ids > 1)


@pytest.mark.parametrize(
    "garbage",
    # The last three say that it is time already: by a clock that goes after, or for nothing.
    [
        {},
        {"retry-after": "soon"},
        {"retry-after": "0"},
        {"x-rate-limit-reset": "0"},
        {"retry-after": date(-timedelta(1))},
    ],
)
@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (8, 30.0), (5000, 30.0)]
)
def test_else_waits_double_with_jitter_up_to_the_cap(attempt, longest, garbage):
    waits = [POLICY.wait(attempt, Response(429, headers=garbage), NOW) for _ in range(200)]
    assert longest / 2 <= min(waits) < 0.6 * longest
    assert 0.9 * longest < max(waits) <= longest
