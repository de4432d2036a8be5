"""The lake's tables: each one's name, key, columns and constraints, declared once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Table:
    """One table: columns as name → SQL type, the key that MERGEs match by, CHECKs as name → condition."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    checks: Mapping[str, str] = field(default_factory=dict)
    cluster_by: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def keeping(self, names: Iterable[str]) -> "Table":
        """The table with the user's own columns beside its own: strings, added to it where it lacks them."""
        kept = tuple(names)
        return replace(self, columns={**self.columns, **dict.fromkeys(kept, "STRING")}, kept=kept)

    @property
    def ddl(self) -> str:
        """The columns as Spark's DDL."""
        return ", ".join(f"`{name}` {kind}" for name, kind in self.columns.items())

    def nullable(self, names: Iterable[str] | None = None) -> str:
        """The DDL of these columns, or all, without NOT NULL: that of rows on their way to the table."""
        kinds = {name: self.columns[name] for name in names or self.columns}
        return ", ".join(f"`{name}` {kind.removesuffix(' NOT NULL')}" for name, kind in kinds.items())


SPLITS = ("train", "val", "test")
RAW_TWEETS = Table(
    "raw_tweets",
    key=("id",),
    columns={
        "id": "STRING NOT NULL",
        "id_num": "BIGINT NOT NULL",
        "dialect": "STRING",
        "status": "STRING NOT NULL",
        "text": "STRING",
        "http_status": "INT",
        "error": "STRING",
        "attempts": "INT NOT NULL",
        "fetched_at": "TIMESTAMP NOT NULL",
        "run_id": "STRING NOT NULL",
    },
    checks={
        "known_status": "status IN ('found', 'missing', 'failed')",
        "text_when_found": "(status = 'found') = (text IS NOT NULL)",
    },
    cluster_by=("id_num",),
)
CLEAN_TWEETS = Table(
    "clean_tweets",
    key=("id",),
    columns={
        "id": "STRING NOT NULL",
        "source": "STRING NOT NULL",
        "text": "STRING NOT NULL",
        "clean": "STRING NOT NULL",
        "dialect": "STRING",
        "author": "STRING",
        "created_at": "TIMESTAMP",
        "n_words": "INT NOT NULL",
        "arabic_ratio": "DOUBLE NOT NULL",
        "text_hash": "STRING NOT NULL",
        "split": "STRING NOT NULL",
        "weight": "DOUBLE NOT NULL",
        "profile_hash": "STRING NOT NULL",
    },
    checks={"known_split": f"split IN {SPLITS}", "positive_weight": "weight > 0"},
    cluster_by=("id",),
)
QUARANTINE = Table(
    "quarantine",
    key=("stage", "row_key"),
    columns={
        "stage": "STRING NOT NULL",
        "row_key": "STRING NOT NULL",
        "reason": "STRING NOT NULL",
        "payload": "STRING",
        "run_id": "STRING NOT NULL",
        "at": "TIMESTAMP NOT NULL",
    },
    cluster_by=("stage", "row_key"),
)
# Whether a row that is in quarantine already has changed: else a run that finds it again leaves it as it is.
REFUSED_OTHERWISE = "NOT (old.reason <=> new.reason AND old.payload <=> new.payload)"
PREDICTIONS = Table(
    "predictions",
    key=("id", "model"),
    columns={
        "id": "STRING NOT NULL",
        "source": "STRING NOT NULL",
        "created_at": "TIMESTAMP",
        "dialect": "STRING",
        "confidence": "DOUBLE",
        "region": "STRING",
        "region_confidence": "DOUBLE",
        "plausible": "ARRAY<STRING>",
        "top_k": "ARRAY<STRUCT<dialect: STRING, probability: DOUBLE>>",
        "note": "STRING",
        "model": "STRING NOT NULL",
        "scored_at": "TIMESTAMP NOT NULL",
    },
    checks={"known_note": "note IS NULL OR note IN ('no_arabic', 'too_short', 'low_confidence')"},
    cluster_by=("id",),
)
METRICS = Table(
    "metrics",
    key=("model", "split", "metric", "dialect"),
    columns={
        "model": "STRING NOT NULL",
        "split": "STRING NOT NULL",
        "metric": "STRING NOT NULL",
        "dialect": "STRING NOT NULL",
        "value": "DOUBLE",
        "run_id": "STRING NOT NULL",
    },
)
# The groupings of shares that are no column: everything, and the length of a time in `created_at`.
ALL, TIMES = "all", ("day", "week", "month")
SHARES = Table(
    "shares",
    key=("model", "grouping", "value", "dialect"),
    columns={
        "model": "STRING NOT NULL",
        "grouping": "STRING NOT NULL",
        "value": "STRING NOT NULL",
        "dialect": "STRING NOT NULL",
        "tweets": "BIGINT NOT NULL",
        "guessed": "DOUBLE NOT NULL",
        "share": "DOUBLE NOT NULL",
        "low": "DOUBLE NOT NULL",
        "high": "DOUBLE NOT NULL",
    },
)
RUNS = Table(
    "runs",
    key=("run_id",),
    columns={
        "run_id": "STRING NOT NULL",
        "stage": "STRING NOT NULL",
        "started_at": "TIMESTAMP NOT NULL",
        "seconds": "DOUBLE NOT NULL",
        "status": "STRING NOT NULL",
        "counts": "MAP<STRING, BIGINT>",
        "error": "STRING",
        "settings": "STRING NOT NULL",
        "version": "STRING NOT NULL",
    },
    checks={"known_status": "status IN ('done', 'failed')"},
)
TABLES = (RAW_TWEETS, CLEAN_TWEETS, QUARANTINE, PREDICTIONS, METRICS, SHARES, RUNS)
