"""The Spark layer over the look-up: partitions of ids in, partitions of outcomes out, as Arrow batches."""

import datetime
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame

from adc.scraping.apis import APIS
from adc.scraping.gate import Gate
from adc.scraping.lookup import look_up
from adc.scraping.policy import Policy
from adc.tables import RAW_TWEETS

_IN_ARROW = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "INT": pa.int32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
FETCHED = pa.schema(
    [(name, _IN_ARROW[kind.removesuffix(" NOT NULL")]) for name, kind in RAW_TWEETS.columns.items()]
)


@dataclass(frozen=True)
class Fetcher:
    """All that a task needs to look its ids up. The secrets travel in this closure and nowhere else.

    A task may have all `in_flight` requests of the job under way: the gate decides, whatever the partitions.
    """

    api: str
    url: str
    token: str | None = field(repr=False)
    batch_size: int
    in_flight: int
    timeout: float
    max_body: int
    policy: Policy
    run_id: str
    gate: tuple[str, int]
    gate_key: str = field(repr=False)
    witness: str | None = None

    def fetch(self, ids: DataFrame) -> DataFrame:
        """The outcome of every (id, id_num, dialect); no row for one left unasked by a stop."""
        return ids.mapInArrow(self.fetch_partition, RAW_TWEETS.nullable())

    def fetch_partition(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One task: its ids in requests of `batch_size`, several under way at once, answers as they come."""
        api = APIS[self.api](self.url, self.token, self.timeout, self.max_body)
        requests = in_chunks(batches, self.batch_size)
        context = TaskContext.get()
        task = context.taskAttemptId() if context else 0
        with Gate(self.gate, self.gate_key, task) as gate, ThreadPoolExecutor(self.in_flight) as threads:

            def ask(rows: pa.Table) -> pa.RecordBatch:
                listed = {row["id"]: row for row in rows.to_pylist()}
                outcomes = look_up(api, self.policy, list(listed), gate, self.witness)
                stamp = {"fetched_at": datetime.datetime.now(datetime.UTC), "run_id": self.run_id}
                records = [listed[outcome.id] | vars(outcome) | stamp for outcome in outcomes]
                return pa.RecordBatch.from_pylist(records, schema=FETCHED)

            # Never more than a window of answers is held, so memory does not grow with the ids.
            under_way = {threads.submit(ask, rows) for rows in islice(requests, self.in_flight)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= {threads.submit(ask, rows) for rows in islice(requests, len(done))}
                for answer in done:
                    yield answer.result()


def in_chunks(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """The rows in tables of `size`, the last one shorter, whatever the batches they come in."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        while batch.num_rows:
            part = batch.slice(0, size - sum(each.num_rows for each in held))
            batch = batch.slice(part.num_rows)
            held.append(part)
            if sum(each.num_rows for each in held) == size:
                yield pa.Table.from_batches(held)
                held = []
    if held:
        yield pa.Table.from_batches(held)
