"""What a training counts before it begins, and what it refuses: data, profiles and ranks unfit for it."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import DataFrame

from adc.archives.labels import LABELS_SHOWN, read_labels, shown_labels, tell_unknown_labels
from adc.cleaning import load_profile
from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.job import Job
from adc.tables import CLEAN_TWEETS, SPLITS
from adc.training.shards import class_counts, tweet_counts

# Rules without which a profile is not one to train on, and what it leaves. Links hold handles, too.
NEEDED_RULES = {
    "unicode": "full-width signs as they are, and a model would learn the user handles behind such an @",
    "html": "characters written as &#64; in, and a model would learn the user handles behind such an @",
    "invisible": "invisible marks in, and a model would learn the user handles behind an @ with one",
    "urls": "links in: a model would learn the user handles in them",
    "emails": "e-mail addresses in: a model would learn them, not dialects",
    "mentions": "user handles in: a model would learn authors, not dialects",
    "white_space": "white space as it is, and words would hold line breaks",
}
# A master whose slots are all there from the start; executors of others take so long to register, as a rule.
LOCAL, REGISTER_SECONDS = re.compile(r"local(\[|$)"), 30
# The source of clean tweets that come from `raw_tweets`.
SCRAPED = "scrape"


def threads_a_rank(job: Job) -> int:
    """Cores of a task slot; raises UsageError for more ranks than slots."""
    spark, ranks = job.lake.spark, job.settings.train.num_proc
    threads = int(spark.conf.get("spark.task.cpus", "1") or 1)
    # What its default parallelism says may be a setting, and knows no GPUs.
    context: Any = spark._jsc.sc()
    own = context.resourceProfileManager().defaultResourceProfile()
    master = str(spark.sparkContext.master)
    dynamic = spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true"
    patience = 0 if dynamic or LOCAL.match(master) else REGISTER_SECONDS
    slots = slots_in_time(lambda: int(context.maxNumConcurrentTasks(own)), ranks, patience)
    if ranks > slots:
        remedy = more_slots(master, dynamic, ranks * threads)
        raise UsageError(
            f"train.num_proc={ranks}: Spark has {slots} task slots, a rank needs one each ({remedy})"
        )
    return threads


def slots_in_time(slots: Callable[[], int], enough: int, seconds: float) -> int:
    """How many slots there are once there are `enough`, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (there := slots()) < enough and time.monotonic() < deadline:
        time.sleep(0.5)
    return there


def more_slots(master: str, dynamic: bool, cores: int) -> str:
    """By which option a Spark of this master has enough task slots; `dynamic`: executors come by need."""
    if LOCAL.match(master):
        return f"--master local[{cores}]"
    if dynamic:
        # They come for tasks, and no rank is one before all have a slot.
        return "spark.dynamicAllocation.enabled=false, with spark.executor.instances"
    return "while executors still register: spark.scheduler.minRegisteredResourcesRatio=1"


def refuse_unfit_profile(job: Job, examples: DataFrame) -> None:
    """Raises UsageError for a profile that is not one to train on, or not that of the labelled tweets."""
    name = job.settings.clean.profile
    profile = load_profile(name)
    for rule, harm in NEEDED_RULES.items():
        if rule not in profile.switches:
            raise UsageError(f"clean.profile={name} leaves {harm}; switch its rule `{rule}` on")
    others = examples.where(examples.profile_hash != profile.hash).select("source").distinct()
    # What was scraped first: it is cleaned again by another command than archives.
    first = others.orderBy(others.source != SCRAPED, "source").limit(LABELS_SHOWN + 1).collect()
    if sources := [row["source"] for row in first]:
        archives = [source for source in sources if source != SCRAPED]
        again = ["clean --full"] if SCRAPED in sources else []
        again += [f"clean --full --input with each of {shown_labels(archives)}"] if archives else []
        raise UsageError(
            f"{job.lake.where(CLEAN_TWEETS)} has labelled tweets cleaned under another profile than "
            f"clean.profile={name}: set that one, or run first {' and '.join(again)}"
        )


def example_counts(job: Job, examples: DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Training tweets by dialect, and tweets of these dialects by split; the summary counts both.

    Raises UsageError where there is nothing to learn, nothing to stop by, or what is hardly labels.
    """
    tweets, where = tweet_counts(examples), job.lake.where(CLEAN_TWEETS)
    own, dialects = job.settings.input.labels, {dialect for _, dialect in tweets}
    known = read_labels(job.lake.files, own).values() if own else DIALECTS.codes
    tell_unknown_labels(job, where, sorted(dialects.difference(known)), len(dialects), "are no codes")
    counts = class_counts(tweets, where)
    by_split = learnable(job, tweets, counts)
    if "val" not in by_split:
        if patience := job.settings.train.patience:
            raise UsageError(f"train.patience={patience}: no labelled tweets in the split val to stop by")
        job.say("no labelled tweets in the split val: probabilities stay uncalibrated, no shares are told")
    elif unseen := sorted(label for label in counts if not tweets.get(("val", label))):
        job.say(
            f"no tweets in the split val of {shown_labels(unseen)}: none of its figures says how well they "
            "are known, and their shares of a corpus cannot be told"
        )
    job.count(**{split: by_split.get(split, 0) for split in SPLITS}, dialects=len(counts))
    return counts, by_split


def learnable(job: Job, tweets: Mapping[tuple[str, str], int], counts: Mapping[str, int]) -> dict[str, int]:
    """Of `tweet_counts` those of dialects that can be learnt, by split; says which others there are."""
    by_split: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for (split, dialect), count in tweets.items():
        if dialect in counts:
            by_split[split] += count
        else:
            others[dialect] += count
    if others:
        job.say(
            f"left out of val and test: {others.total():,} tweets of dialects without training tweets, "
            f"{shown_labels(sorted(others))}; evaluate counts them as wrong"
        )
    return by_split
