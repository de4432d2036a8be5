"""Which errors of two writers that meet are tried again, and how often."""

import pytest
from delta.exceptions import ConcurrentAppendException, MetadataChangedException
from pyspark.errors import AnalysisException

from adc.conflicts import MADE_MEANWHILE, retry_conflicts


def test_a_table_that_is_not_there_is_no_conflict_where_none_is_made():
    def write():
        raise AnalysisException("[DELTA_TABLE_NOT_FOUND] x")

    with pytest.raises(AnalysisException):
        retry_conflicts(write, wait=lambda seconds: pytest.fail("tried again"))


@pytest.mark.parametrize(
    ("errors", "attempts", "outcome", "waits"),
    [
        ([], 3, "written", 0),
        ([ConcurrentAppendException("x"), MetadataChangedException("x")], 3, "written", 2),
        ([AnalysisException("[TABLE_OR_VIEW_ALREADY_EXISTS] x")], 3, "written", 1),
        ([AnalysisException("[DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION] x")], 3, "written", 1),
        ([ConcurrentAppendException("x")] * 3, 3, ConcurrentAppendException, 2),
        ([AnalysisException("[TABLE_OR_VIEW_NOT_FOUND] x")], 3, AnalysisException, 0),
        ([ValueError("x")], 3, ValueError, 0),
    ],
)
def test_only_conflicts_are_tried_again_and_not_for_ever(errors, attempts, outcome, waits):
    left, waited = iter(errors), []

    def write():
        if error := next(left, None):
            raise error
        return "written"

    if isinstance(outcome, str):
        assert retry_conflicts(write, attempts, MADE_MEANWHILE, waited.append) == outcome
    else:
        with pytest.raises(outcome):
            retry_conflicts(write, attempts, MADE_MEANWHILE, waited.append)
    assert len(waited) == waits
    assert all(0.5 * 2**n <= wait <= 1.0 * 2**n for n, wait in enumerate(waited))
