"""Ids in requests of one size, whatever the batches they come in."""

import pyarrow as pa
import pytest

from adc.scraping.fetch import in_chunks


@pytest.mark.parametrize(
    ("batches", "size", "chunks"),
    [
        ([7, 5], 4, [4, 4, 4]),
        ([7, 5], 5, [5, 5, 2]),
        ([1, 0, 1, 9], 100, [11]),
        ([], 4, []),
    ],
)
def test_a_chunk_takes_rows_of_several_batches(batches, size, chunks):
    rows = iter(range(sum(batches)))
    given = [pa.RecordBatch.from_pydict({"id": [next(rows) for _ in range(number)]}) for number in batches]
    made = list(in_chunks(given, size))
    assert [chunk.num_rows for chunk in made] == chunks
    assert [row for chunk in made for row in chunk["id"].to_pylist()] == list(range(sum(batches)))
