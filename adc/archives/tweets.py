"""Tweets as the APIs and a personal archive write them: where each one lies, and its text in full."""

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType

# Where Spark puts a line that is no JSON.
BAD_RECORD = "_corrupt_record"
# Beside it, the file that a row is from, as Spark writes it: file:///data/a%20b.csv.
FILE = "_input_file"
# Ids of tweets hold when they were written (Twitter's Snowflake): above the last 22 bits, milliseconds since
# this time. Those of 18 and 19 digits are from after August 2011; numbers of fewer digits may be anything.
SNOWFLAKE_EPOCH = 1_288_834_974_657
SNOWFLAKE = r"^\d{18,19}$"
# The column added for the text that an API v2 tweet retweets, found among the tweets that came with it.
RETWEETED = "_retweeted"
# Of a tweet's texts, the likeliest to be whole first; a retweet's own text is cut off after `RT @name:`.
FULL_TEXTS = (
    "retweeted_status.extended_tweet.full_text",
    "retweeted_status.full_text",
    "retweeted_status.text",
    RETWEETED,
    "extended_tweet.full_text",
    "note_tweet.text",
    "full_text",
)

# Names that beside a wrapped tweet are the wrapping's own, not the tweet's.
WRAPPINGS_OWN = {"id", "id_str", "text", *(name.split(".")[0] for name in FULL_TEXTS)}


@dataclass(frozen=True)
class Found:
    """A column, or a value within one: its name with dots, and its type."""

    name: str
    column: Column
    kind: DataType

    @property
    def single(self) -> bool:
        """Whether it is one value: no struct, list or map."""
        return not isinstance(self.kind, StructType | ArrayType) and self.kind.typeName() != "map"


def named(name: str) -> Column:
    """A column by its name as it is, dots, spaces and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def find(frame: DataFrame, name: str) -> Found | None:
    """The column of this name, else what the dots lead to within structs and lists of structs, there a list.

    None where there is none.
    """
    kinds = {field.name: field.dataType for field in frame.schema}
    if name in kinds:
        return _found(name, named(name), kinds[name])
    first, *inner = name.split(".")
    if first not in kinds:
        return None
    column, kind = named(first), kinds[first]
    for part in inner:
        listed = isinstance(kind, ArrayType)
        member = kind.elementType if isinstance(kind, ArrayType) else kind
        if not isinstance(member, StructType) or part not in member.names:
            return None
        column, kind = column.getField(part), member[part].dataType
        kind = ArrayType(kind) if listed else kind
    return _found(name, column, kind)


def _found(name: str, column: Column, kind: DataType) -> Found:
    # What MongoDB exports: {"$numberLong": "12"}, {"$date": {"$numberLong": "12"}}.
    while isinstance(kind, StructType) and len(kind) == 1 and kind.names[0].startswith("$"):
        column, kind = column.getField(kind.names[0]), kind[0].dataType
    return Found(name, column, kind)


def written_at(id_: Column) -> Column:
    """When a tweet was written, by its id; NULL of an id that is no tweet's, as one from the future."""
    number = F.when(id_.rlike(SNOWFLAKE), id_.try_cast("bigint"))
    time = F.timestamp_millis(F.shiftright(number, 22) + SNOWFLAKE_EPOCH)
    return F.when(time <= F.current_timestamp(), time)


def tweets(frame: DataFrame) -> DataFrame:
    """A row a tweet: pages of API v2 taken apart, a wrapping such as a personal archive's taken off.

    What stands beside a wrapping, and the wrapping itself, go along. Lines that are no JSON are left out. A
    file of another form stays as it is.
    """
    if BAD_RECORD in frame.columns:
        frame = frame.where(F.col(BAD_RECORD).isNull()).drop(BAD_RECORD, FILE)
    data, wrapped = find(frame, "data"), find(frame, "tweet")
    if data and "text" in _names_within(data.kind) and not find(frame, "text"):
        pages = data.column if isinstance(data.kind, ArrayType) else F.array(data.column)
        others = (named(name) for name in frame.columns if name not in ("data", "tweet"))
        taken = frame.select(F.explode(pages).alias("tweet"), *others)
        included = find(taken, "includes.tweets")
        came_along = [included.column.alias("_included")] if included else []
        return _with_retweeted(_unwrapped(taken.where("tweet IS NOT NULL"), *came_along))
    if wrapped and isinstance(wrapped.kind, StructType):
        return _unwrapped(frame)
    return _with_retweeted(frame)


def full_texts(frame: DataFrame) -> Iterator[Found]:
    """Where a tweet's text may stand in full, the likeliest place first."""
    for name in FULL_TEXTS:
        found = find(frame, name)
        if found and found.single:
            yield found


def _unwrapped(frame: DataFrame, *more: Column) -> DataFrame:
    """What is in the column `tweet`; beside it what has other names, but for an id and a text."""
    taken = WRAPPINGS_OWN | {name.lower() for name in frame.select("tweet.*").columns}
    others = (named(name) for name in frame.columns if name.lower() not in taken)
    return frame.select("tweet.*", *others, *more)


def _with_retweeted(frame: DataFrame) -> DataFrame:
    """API v2: adds the text of what a tweet retweets, from the page's other tweets or the flattened line."""
    referenced = find(frame, "referenced_tweets")
    if not referenced or not {"id", "type"} <= _names_within(referenced.kind):
        return frame.drop("_included")
    retweeted = F.get(F.filter(referenced.column, lambda tweet: tweet["type"] == "retweeted"), F.lit(0))
    texts = _texts(retweeted, referenced.kind)
    included = find(frame, "_included")
    if included and {"id", "text"} <= _names_within(included.kind):
        same = F.filter(included.column, lambda tweet: tweet["id"] == retweeted["id"])
        texts += _texts(F.get(same, F.lit(0)), included.kind)
    texts = texts or [F.lit(None).cast("string")]
    return frame.withColumn(RETWEETED, F.coalesce(*texts)).drop("_included")


def _texts(tweet: Column, listed: DataType) -> list[Column]:
    """The long text and the plain one of a member of a list of tweets, as far as its type has them."""
    names, texts = _names_within(listed), []
    if "note_tweet" in names:
        note = listed.elementType["note_tweet"].dataType  # type: ignore[attr-defined]
        texts = [tweet["note_tweet"]["text"]] if "text" in _names_within(note) else []
    return texts + ([tweet["text"]] if "text" in names else [])


def _names_within(kind: DataType) -> set[str]:
    """The names of a struct's fields, or of those of a list's members."""
    member = kind.elementType if isinstance(kind, ArrayType) else kind
    return set(member.names) if isinstance(member, StructType) else set()
