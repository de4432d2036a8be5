"""The train stage: labelled clean tweets to a model bundle."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from adc.archives.labels import shown_labels
from adc.cleaning import load_profile
from adc.dialects import DIALECTS
from adc.duplicates import labelled_tweets
from adc.errors import RunError, UsageError
from adc.files import Files, local_path
from adc.job import Job
from adc.model.bundle import CARD, MANIFEST, PARTS, Bundle
from adc.model.encoder import Encoder
from adc.model.store import open_bundle, store_bundle
from adc.progress import duration
from adc.session import TENSORFLOW_ENVIRONMENT
from adc.tables import CLEAN_TWEETS, SPLITS
from adc.training.checks import example_counts, refuse_unfit_profile, threads_a_rank
from adc.training.cross_fit import Counts, Linear, cross_fit
from adc.training.encoding import Encoding, refuse_blind
from adc.training.folds import FOLDS, NONE
from adc.training.output import RankOutput
from adc.training.plan import Plan
from adc.training.provenance import difference, provenance, training_digest
from adc.training.rank import train_rank
from adc.training.results import summary_figures, told_figures
from adc.training.shards import collected_corpus, side_by_side, vocabulary, with_teacher, write_shards
from adc.training.watch import ranks_watched

# What a run has prepared, in its own folder in the training's: the shards, and the bundle that is to be,
# which is there once they are.
SHARDS, PREPARED = "shards", "prepared"
# Of a bundle of which nothing has come for so long nobody is copying the rest.
COPY_SECONDS = 60


def train(job: Job, target: str | None = None, replacing: bool = False) -> None:
    """Trains on `clean_tweets` and leaves a bundle at `target`, by default <lake.root>/models/<train.name>.

    Raises UsageError for data that nothing can be learnt from, for more ranks than task slots, and for a
    bundle of something else at the target, unless that is to be replaced.
    """
    lake, settings = job.lake, job.settings
    lake.require(CLEAN_TWEETS, "run clean first")
    refuse_blind(settings.model)
    threads = threads_a_rank(job)
    place = target or lake.path("models", settings.train.name)
    examples = labelled_tweets(lake.read(CLEAN_TWEETS)).cache()
    made = provenance(job, examples, threads)
    if _is_there(job, place, made, replacing):
        return

    refuse_unfit_profile(job, examples)
    counts, by_split = example_counts(job, examples)
    if job.dry_run:
        job.say(f"dry run: {by_split['train']:,} tweets in {len(counts)} dialects would be trained on")
        return

    logs = tensorboard_writer(job)
    # Kept from run to run until the bundle is made, so that a killed run goes on where it was.
    whose = training_digest(made, lake.files.qualified(place))
    folder = lake.path("_staging", f"train-{whose[:16]}")
    untrained, shards = prepared_once(job, examples, counts, folder, made)
    job.say(
        f"{by_split['train']:,} tweets in {len(counts)} dialects, {untrained.encoder.size:,} word vectors, "
        f"{settings.train.num_proc} ranks"
    )
    where, shards = lake.files.qualified(folder), lake.files.qualified(shards)
    plan = Plan.of(settings, untrained.labels, untrained.network, where, shards, threads)
    result = run_ranks(job, plan, logs)
    bundle = replace(
        untrained,
        weights=result["weights"],
        temperature=result["temperature"],
        metrics=result["metrics"],
        history=tuple(result["history"]),
    )
    for line in told_figures(bundle.metrics):
        job.say(line)
    store_or_keep(job, bundle, place, replacing)
    lake.files.delete(folder)


def store_or_keep(job: Job, bundle: Bundle, place: str, replacing: bool = False) -> None:
    """Stores a bundle, unless a run that was faster has stored the same; in place of another if `replacing`.

    Raises RunError where it has stored another one; this one is then kept beside it.
    """
    files = job.lake.files
    try:
        is_there = _is_there(job, place, bundle.made, replacing, COPY_SECONDS)
    except UsageError as error:
        beside = f"{place.rstrip('/')}-{bundle.checksum[:8]}"
        store_bundle(files, bundle, beside)
        _conclude(job, bundle, beside)
        raise RunError(f"this training is done and kept in {beside}, but {error}") from None
    if not is_there:
        store_bundle(files, bundle, place)
        _conclude(job, bundle, place)


def _conclude(job: Job, bundle: Bundle, place: str) -> None:
    """Names the bundle in the summary, with its figures and the counts of what it learnt from."""
    for split in SPLITS:
        job.counts[split] = bundle.metrics.get(split, {"rows": 0})["rows"]
    job.counts["dialects"] = len(bundle.labels)
    job.outputs["bundle"] = place
    job.metrics = summary_figures(bundle.metrics)


def prepared_once(
    job: Job, examples: DataFrame, counts: Mapping[str, int], folder: str, made: Mapping[str, Any]
) -> tuple[Bundle, str]:
    """As `prepared`, or what a run that was ended has left of it in the folder; and where the shards are.

    Every run writes to a folder of its own, so that none reads what another one writes meanwhile.
    """
    files = job.lake.files
    for run in files.names(folder) if files.exists(folder) else ():
        with suppress(UsageError):
            untrained = open_bundle(files, f"{folder}/{run}/{PREPARED}")
            job.say(f"going on with what a run that was ended has left in {folder}")
            return untrained, f"{folder}/{run}/{SHARDS}"
    own = f"{folder}/{job.run_id}"
    untrained = prepared(job, examples, counts, f"{own}/{SHARDS}", made)
    store_bundle(files, untrained, f"{own}/{PREPARED}")
    return untrained, f"{own}/{SHARDS}"


def prepared(
    job: Job, examples: DataFrame, counts: Mapping[str, int], shards: str, made: Mapping[str, Any]
) -> Bundle:
    """Writes the training shards; the bundle that is to be, without weights."""
    settings = job.settings
    labels = DIALECTS.restricted_to(list(counts)).codes
    encoder = Encoder(
        vocabulary(examples, settings.model.vocabulary, settings.model.min_count), settings.model.max_tokens
    )
    linear, keys = linear_models(job, examples, encoder, labels)
    encoding = Encoding.of(settings, encoder, labels, linear, counts)
    network = encoding.network(settings.model)
    teacher = linear.teacher if linear else None
    write_shards(with_teacher(examples, keys, teacher), encoding, shards, settings.train.shards)
    return Bundle(
        name=settings.train.name,
        labels=labels,
        encoder=encoder,
        network=network,
        weights={},
        profile=load_profile(settings.clean.profile),
        evidence=linear.evidence[NONE] if linear and (settings.model.evidence or encoding.stack) else None,
        stack=linear.stack if linear and encoding.stack else None,
        blend=settings.model.blend,
        made=made,
    )


def linear_models(
    job: Job, examples: DataFrame, encoder: Encoder, labels: Sequence[str]
) -> tuple[Linear | None, list[str]]:
    """The linear models that the settings ask for, fitted as Spark tasks, and their rows' text_hash."""
    model, train, started = job.settings.model, job.settings.train, time.monotonic()
    if not (model.evidence or model.soft_labels or model.blend):
        return None, []
    texts, keys = collected_corpus(examples, labels, train.evidence_rows, train.plain_share)
    if texts.by_text:
        few = shown_labels(sorted(texts.by_text))
        job.say(
            f"too few authors wrote {few} to be held out in turn: their tweets are, one by one, "
            "and the figures of the split train are too good"
        )
    for fold in range(FOLDS):
        # Said here, not by a task in the middle of the fits.
        texts.fitted(fold)
    least = Counts(model.gram_min_count, model.bayes_min_count)
    linear = cross_fit(texts, encoder, least, side_by_side(examples.sparkSession))
    right = (linear.teacher.argmax(axis=1) == texts.labels).mean()
    job.say(
        f"linear models fitted on {len(keys):,} tweets in {duration(time.monotonic() - started)}: "
        f"accuracy out of fold {100 * right:.1f} %"
    )
    return linear, keys


def run_ranks(job: Job, plan: Plan, logs: Any) -> dict[str, Any]:
    """Runs the plan on Horovod's ranks and returns what rank 0 made of it; `logs` is TensorBoard's writer."""
    # Before Horovod is imported, which imports TensorFlow in a process of its own to see whether it can.
    os.environ.update(TENSORFLOW_ENVIRONMENT)
    import horovod.spark

    forwarded = RankOutput(job.stage, plan.epochs, logs)
    try:
        with ranks_watched(job.lake.spark):
            results: list[dict[str, Any] | None] = horovod.spark.run(
                train_rank,
                args=(plan,),
                num_proc=job.settings.train.num_proc,
                start_timeout=job.settings.train.start_timeout,
                # The executors' Python: the driver's may lie where no other host has one.
                executable=job.lake.spark.sparkContext.pythonExec,
                env={**TENSORFLOW_ENVIRONMENT, **object_store_environment()},
                stdout=forwarded,
                stderr=forwarded,
                verbose=0,
            )
    except RunError as lost:
        # The others miss it, too, and what the lost one said itself may tell why.
        told = f" (a rank's error: {cause})" if (cause := forwarded.cause()) else ""
        raise RunError(f"{lost}{told}") from None
    # Horovod raises plain ones, too.
    except Exception as error:
        reason = forwarded.cause() or next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(f"training failed: {reason}") from error
    result = next((result for result in results if result), None)
    if result is None:
        raise RunError("training failed: rank 0 returned nothing")
    return result


def object_store_environment() -> dict[str, str]:
    """The driver's keys and address of an object store: ranks read their shards with no JVM to tell them."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def tensorboard_writer(job: Job) -> Any:
    """A writer of TensorBoard's logs in the run's own folder under train.tensorboard, if that is set.

    Raises UsageError where there can be no such folder.
    """
    if job.settings.train.tensorboard is None:
        return None
    from tensorboard.summary import Writer

    folder = Path(job.settings.train.tensorboard) / job.run_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"train.tensorboard={job.settings.train.tensorboard}: {error}") from None
    return Writer(str(folder))


def _is_there(job: Job, place: str, made: Mapping[str, Any], replacing: bool, untouched: float = 0) -> bool:
    """Whether the very bundle that is to be made is there; else nothing is, or what may be replaced.

    Such is what a killed upload has left, if it has been `untouched` for so many seconds.
    Raises UsageError for another bundle or a damaged one, unless `replacing`, and for what never was one.
    """
    files = job.lake.files
    if not files.exists(place) or _begun(files, place, untouched):
        return False
    try:
        there = open_bundle(files, place)
    except UsageError as error:
        was_bundle = files.exists(f"{place}/{MANIFEST}")
        if replacing and was_bundle:
            return False
        remedy = "give --replace," if was_bundle else "remove it, or give"
        raise UsageError(f"{error}; it is in the way: {remedy} another --bundle or train.name") from None
    if what := difference(there.made, made):
        if replacing:
            return False
        raise UsageError(
            f"{place} already holds another bundle, {there.model}, of {what}: "
            "give --replace, another --bundle or train.name"
        )
    job.say(f"nothing to do: {place} holds this very bundle, {there.model}")
    _conclude(job, there, place)
    return True


def _begun(files: Files, place: str, seconds: float) -> bool:
    """Whether a folder is empty, or holds only parts of a bundle that have waited so long for its manifest.

    So an upload that was killed leaves it where renaming is a copy, which it is on no disk. A README.md alone
    may be anybody's.
    """
    if not files.is_folder(place):
        return False
    names = files.names(place)
    if local_path(files.qualified(place)) is not None:
        return not names
    return names != [CARD] and PARTS.issuperset(names) and files.untouched(place, seconds)
