"""The Spark layer over the look-up: partitions of ids in, partitions of outcomes out, as Arrow batches."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TypeVar

import pyarrow as pa
from pyspark.accumulators import Accumulator
from pyspark.sql import DataFrame

from adc.scraping.lookup import BatchApi, Outcome, Pacer, look_up
from adc.scraping.policy import Policy

Item = TypeVar("Item")

STATUSES = ("found", "missing", "failed", "unasked")
FETCHED_DDL = (
    "id STRING, id_num BIGINT, dialect STRING, status STRING, text STRING, http_status INT, error STRING, "
    "attempts INT, fetched_at TIMESTAMP, run_id STRING"
)
FETCHED = pa.schema(
    [
        ("id", pa.string()),
        ("id_num", pa.int64()),
        ("dialect", pa.string()),
        ("status", pa.string()),
        ("text", pa.string()),
        ("http_status", pa.int32()),
        ("error", pa.string()),
        ("attempts", pa.int32()),
        ("fetched_at", pa.timestamp("us", tz="UTC")),
        ("run_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Fetcher:
    """All that a task needs to look its ids up. The token travels in this closure and nowhere else.

    `in_flight` and `rate` are one task's share of what the whole job may do.
    """

    url: str
    token: str | None
    batch_size: int
    in_flight: int
    rate: float
    timeout: float
    max_body: int
    policy: Policy
    run_id: str
    progress: dict[str, "Accumulator[int]"]

    def __repr__(self) -> str:
        return f"Fetcher({self.url})"

    def fetch(self, ids: DataFrame) -> DataFrame:
        """The outcome of every (id, id_num, dialect)."""
        return ids.mapInArrow(self.fetch_partition, FETCHED_DDL)

    def fetch_partition(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One task: its ids in requests of `batch_size`, several under way at once, answers as they come."""
        api = BatchApi(self.url, self.token, self.timeout, self.max_body)
        pacer = Pacer(self.rate)
        refused: list[str] = []

        def ask(rows: list[dict[str, object]]) -> pa.RecordBatch:
            ids = [str(row["id"]) for row in rows]
            if refused:
                outcomes = [Outcome(tweet_id, "unasked", error=refused[0]) for tweet_id in ids]
            else:
                outcomes = list(look_up(api, self.policy, ids, before_each=pacer.wait))
                refused.extend(outcome.error or "" for outcome in outcomes if outcome.status == "unasked")
            return self._batch(rows, outcomes)

        requests = in_chunks(_rows(batches), self.batch_size)
        with ThreadPoolExecutor(self.in_flight) as threads:
            # Never more than a window of answers is held, so memory does not grow with the ids.
            under_way = {threads.submit(ask, rows) for rows in islice(requests, self.in_flight)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= {threads.submit(ask, rows) for rows in islice(requests, len(done))}
                for answer in done:
                    self._count(answer.result())
                    yield answer.result()

    def _batch(self, rows: Sequence[dict[str, object]], outcomes: Sequence[Outcome]) -> pa.RecordBatch:
        now = datetime.datetime.now(datetime.UTC)
        records = [
            row | asdict(outcome) | {"fetched_at": now, "run_id": self.run_id}
            for row, outcome in zip(rows, outcomes, strict=True)
        ]
        return pa.RecordBatch.from_pylist(records, schema=FETCHED)

    def _count(self, answer: pa.RecordBatch) -> None:
        for entry in answer.column("status").value_counts().to_pylist():
            self.progress[entry["values"]].add(entry["counts"])


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, object]]:
    for batch in batches:
        yield from batch.to_pylist()


def in_chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
