"""The dialects of whole corpora, as the table `shares` tells them, for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from adc.lake import Lake
from adc.tables import ALL, SHARES, TIMES

# Groups shown of each kind: the latest times, the largest of others.
SHOWN = 60


@dataclass(frozen=True)
class Share:
    """A dialect's part in a corpus: as guessed, corrected, and the ends of its 95 % interval."""

    dialect: str
    guessed: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """One day, week or value of a column: its judged tweets and its dialects' shares."""

    value: str
    tweets: int
    shares: Sequence[Share]

    def by_region(self, region_of: Mapping[str, str]) -> dict[str, float]:
        """The summed shares of regions."""
        sums: dict[str, float] = {}
        for each in self.shares:
            region = region_of.get(each.dialect, each.dialect)
            sums[region] = sums.get(region, 0.0) + each.share
        return sums

    def largest(self) -> list[Share]:
        """The three dialects with the largest shares."""
        return sorted(self.shares, key=lambda each: -each.share)[:3]


@dataclass(frozen=True)
class Corpus:
    """What one model says of everything it has scored, parted by one grouping; ALL has one group."""

    model: str
    grouping: str
    groups: Sequence[Group]

    @property
    def whole(self) -> bool:
        """Whether it is not parted."""
        return self.grouping == ALL


def corpora(lake: Lake, models: Sequence[str]) -> list[Corpus]:
    """The shares that these models' scores were counted into, model by model."""
    rows = lake.read(SHARES).where(F.col("model").isin(list(models)))
    largest = (
        rows.groupBy("model", "grouping", "value")
        .agg(
            F.first("tweets").alias("tweets"),
            F.collect_list(F.struct("dialect", "guessed", "share", "low", "high")).alias("shares"),
        )
        .orderBy(F.desc("tweets"), "value")
        .collect()
    )
    groups: dict[tuple[str, str], list[Group]] = {}
    for row in largest:
        shares = sorted((Share(*each) for each in row["shares"]), key=lambda each: each.dialect)
        groups.setdefault((row["model"], row["grouping"]), []).append(
            Group(row["value"], row["tweets"], shares)
        )
    return [
        Corpus(model, grouping, _shown(grouping, found))
        for (model, grouping), found in sorted(
            groups.items(), key=lambda item: (models.index(item[0][0]), item[0][1] != ALL, item[0][1])
        )
    ]


def _shown(grouping: str, largest: Sequence[Group]) -> list[Group]:
    """Of times the latest, of other values the largest, in order."""
    if grouping in TIMES:
        return sorted(largest, key=lambda group: group.value)[-SHOWN:]
    return sorted(largest[:SHOWN], key=lambda group: group.value)
