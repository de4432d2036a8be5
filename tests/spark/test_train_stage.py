"""What train decides before any rank starts."""

import hashlib
import itertools
import json
import os
import time
from dataclasses import replace

import pytest

from adc.cleaning import load_profile
from adc.duplicates import labelled_tweets
from adc.errors import RunError, UsageError
from adc.model.bundle import MANIFEST
from adc.model.store import open_bundle
from adc.tables import CLEAN_TWEETS
from adc.training import stage
from adc.training.checks import threads_a_rank
from adc.training.provenance import provenance
from adc.training.shards import collected_corpus
from adc.training.stage import prepared_once, store_or_keep, train
from tests.conftest import LABELS
from tests.spark.contents import clean_rows

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    "rule", ["mentions", "urls", "emails", "html", "invisible", "unicode", "white_space"]
)
def test_a_profile_that_leaves_handles_or_line_breaks_in_is_refused(job, lake, tmp_path, rule):
    switches = {name: choice for name, choice in load_profile("model").switches.items() if name != rule}
    own = tmp_path / "own.yaml"
    own.write_text("".join(f"{name}: '{choice}'\n" for name, choice in switches.items()))
    lake.append(CLEAN_TWEETS, clean_rows(lake, {"id": "1", "text": "عايز كده", "dialect": "EG"}))
    with pytest.raises(UsageError, match=f"switch its rule `{rule}` on"):
        train(job("train", clean__profile=str(own)))


def test_a_bundle_is_known_by_what_the_labelled_rows_hold(job, lake):
    def fingerprint(threads=1, **overrides):
        made = provenance(job("train", **overrides), labelled_tweets(lake.read(CLEAN_TWEETS)), threads)
        return made["fingerprint"], made["data"]["version"]

    row = {"id": "1", "text": "عايز كده", "dialect": "EG"}
    lake.append(CLEAN_TWEETS, clean_rows(lake, row))
    first, version = fingerprint()
    # The same again, a row without a label, a longer wait for ranks: the bundle would be the same.
    lake.merge(CLEAN_TWEETS, clean_rows(lake, row, {"id": "2", "text": "بلا تصنيف"}))
    again, later = fingerprint(train__start_timeout=600, clean__min_words=1)
    assert (again, later > version) == (first, True)
    others = [fingerprint(train__epochs=9)[0], fingerprint(threads=2)[0]]
    for change in ({"dialect": "SA"}, {"split": "val"}, {"weight": 0.5}, {"clean": "عايز"}):
        lake.merge(CLEAN_TWEETS, clean_rows(lake, row | change))
        others.append(fingerprint()[0])
    assert len({first, *others}) == 7


def marked_rows(lake, count=60, **fields):
    """Labelled tweets of two dialects, told apart by words; `fields` are functions of a tweet's number."""
    marks = {"EG": "عايز كده", "MA": "بزاف واش"}
    profile = load_profile("model").hash
    rows = [
        {"id": str(n), "text": f"{marks[dialect]} {n % 7}", "dialect": dialect, "profile_hash": profile}
        | {"text_hash": hashlib.sha256(str(n).encode()).hexdigest()[:32]}
        | {name: field(n) for name, field in fields.items()}
        for n, dialect in zip(range(count), itertools.cycle(marks))
    ]
    lake.append(CLEAN_TWEETS, clean_rows(lake, *rows))
    return labelled_tweets(lake.read(CLEAN_TWEETS))


def test_runs_of_one_training_at_once_share_no_shards(job, lake, tmp_path, monkeypatch, capsys):
    examples, counts, folder = marked_rows(lake), {"EG": 30, "MA": 30}, f"{tmp_path}/training"
    given = {"model__evidence": False, "model__soft_labels": 0, "model__blend": 0, "train__shards": 3}
    one, other, third = (job("train", **given) for _ in range(3))
    places, write = [], stage.write_shards

    def beside(*arguments):
        # The second run begins and ends while the first one writes.
        monkeypatch.setattr(stage, "write_shards", write)
        places.append(prepared_once(other, examples, counts, folder, {})[1])
        write(*arguments)

    monkeypatch.setattr(stage, "write_shards", beside)
    places.append(prepared_once(one, examples, counts, folder, {})[1])
    assert len(set(places)) == 2
    assert [lake.spark.read.parquet(place).count() for place in places] == [60, 60]
    assert "going on" not in capsys.readouterr().out
    # One that comes later takes up what there is, from a run that has got so far.
    (tmp_path / "training" / "train-00000000T000000-killed" / "shards").mkdir(parents=True)
    assert prepared_once(third, examples, counts, folder, {})[1] in places
    assert "going on with what a run that was ended has left in" in capsys.readouterr().out


def test_linear_models_are_fitted_on_as_many_tweets_as_are_allowed(job, lake):
    examples = marked_rows(lake, 30, split=lambda n: "val" if n % 5 == 0 else "train")
    corpus, keys = collected_corpus(examples, ("EG", "MA"), 10, 0)
    learnt = sorted(row["text_hash"] for row in examples.where("split = 'train'").collect())
    assert (keys, len(corpus.texts), corpus.classes) == (learnt[:10], 10, 2)
    assert collected_corpus(examples, ("EG", "MA"), 99, 0)[1] == learnt


def learnable_rows(lake):
    texts = {"عايز كده": ("EG", "train"), "بزاف واش": ("MA", "train"), "شنو تريد": ("IQ", "test")}
    profile = load_profile("model").hash
    rows = [
        {"id": text, "text": text, "dialect": dialect, "split": split, "profile_hash": profile}
        for text, (dialect, split) in texts.items()
    ]
    lake.append(CLEAN_TWEETS, clean_rows(lake, *rows))


def test_what_cannot_be_judged_or_calibrated_is_said(job, lake, capsys):
    learnable_rows(lake)
    dry = job("train", dry_run=True)
    train(dry)
    assert {name: dry.counts[name] for name in ("train", "val", "test", "dialects")} == {
        "train": 2, "val": 0, "test": 0, "dialects": 2
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "labels that are no codes" not in said
    assert "left out of val and test: 1 tweets of dialects without training tweets, IQ" in said
    assert "no labelled tweets in the split val: probabilities stay uncalibrated, no shares are told" in said


def test_dialects_that_no_validation_row_has_are_named(job, lake, capsys):
    # Every second tweet is MA.
    marked_rows(lake, 6, split=lambda n: "val" if n == 5 else "train")
    train(job("train", dry_run=True))
    assert "no tweets in the split val of EG: none of its figures says how" in capsys.readouterr().out


def test_labels_that_can_be_none_are_refused_unless_they_are_named(job, lake, tmp_path, capsys):
    texts = [f"{'نص طويل ' * 9}{n:03}" for n in range(101)]
    common = {"profile_hash": load_profile("model").hash}
    rows = [
        common | {"id": text, "text": text, "dialect": text, "split": "train" if n < 2 else "val"}
        for n, text in enumerate(texts)
    ]
    lake.append(CLEAN_TWEETS, clean_rows(lake, *rows))
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="101 of 101 labels are no codes: نص") as refused:
            train(job("train", dry_run=dry_run))
        assert len(str(refused.value)) < 800
    labels = tmp_path / "labels.csv"
    labels.write_text("".join(f"{text},{text}\n" for text in texts), encoding="utf-8")
    train(job("train", dry_run=True, input__labels=str(labels)))
    said = capsys.readouterr().out
    assert f"99 tweets of dialects without training tweets, {', '.join([texts[2][:40]] * 10)}, …;" in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train__patience": 1}, "train.patience=1: no labelled tweets in the split val to stop by"),
        ({"train__tensorboard": "/dev/null/logs"}, "train.tensorboard=/dev/null/logs: .*Not a directory"),
        ({"model__evidence": False, "model__embedding": 0}, "the network would read nothing"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_fitted(job, lake, given, message):
    learnable_rows(lake)
    with pytest.raises(UsageError, match=message):
        train(job("train", **given))


@pytest.mark.parametrize(
    ("sources", "again"),
    [
        (
            {"old.csv": "EG", "scrape": "EG", "new.csv": None},
            "clean --full and clean --full --input with each of old.csv",
        ),
        ({"scrape": "EG", "new.csv": None}, "clean --full"),
        (
            {f"{n:02}.csv": "EG" for n in range(20)},
            f"clean --full --input with each of {', '.join(f'{n:02}.csv' for n in range(10))}, …",
        ),
    ],
)
def test_what_another_profile_has_cleaned_is_named_with_how_to_clean_it_again(job, lake, sources, again):
    learnable_rows(lake)
    others = [
        {"id": source, "source": source, "text": f"نص {source}", "dialect": dialect}
        for source, dialect in sources.items()
    ]
    lake.append(CLEAN_TWEETS, clean_rows(lake, *others))
    with pytest.raises(UsageError, match=r"under another profile than clean\.profile=model: set") as refused:
        train(job("train"))
    assert str(refused.value).endswith(f"set that one, or run first {again}")


def test_slots_are_what_spark_has_whatever_parallelism_is_set(job, spark):
    conf = spark._jsc.sc().conf()
    conf.set("spark.default.parallelism", "9")
    try:
        assert spark.sparkContext.defaultParallelism == 9
        assert threads_a_rank(job("train", train__num_proc=2)) == 1
        message = r"train.num_proc=3: Spark has 2 task slots, a rank needs one each \(--master local\[3\]\)"
        with pytest.raises(UsageError, match=message):
            threads_a_rank(job("train", train__num_proc=3))
    finally:
        conf.remove("spark.default.parallelism")


def test_a_bundle_in_the_way_is_refused_and_left_as_it_is_and_the_same_one_is_counted(
    job, lake, tiny_bundle, tmp_path
):
    learnable_rows(lake)
    tiny_bundle.save(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    made = provenance(job("train"), labelled_tweets(lake.read(CLEAN_TWEETS)), 1)
    replace(tiny_bundle, made=made | {"code": "older"}).save(tmp_path / "older")
    with pytest.raises(UsageError, match=r"another bundle, .*, of other code of adc: give --replace"):
        train(job("train"), str(tmp_path / "older"))
    figures = {"rows": 9, "accuracy": 0.5, "macro_f1": 0.5}
    replace(tiny_bundle, made=made, metrics={"train": figures}).save(tmp_path / "same")
    same = job("train")
    train(same, str(tmp_path / "same"))
    assert same.counts == {"train": 9, "val": 0, "test": 0, "dialects": len(LABELS)}
    remedy = "; it is in the way: give --replace, another --bundle or train.name"
    for change, message in (
        ({}, f"{tmp_path} already holds another bundle, {tiny_bundle.model}, of other settings or data"),
        ({"rules": 0}, f"{tmp_path}: it was trained under version 0 of the cleaning rules.*{remedy}"),
        ({"format": 0}, f"{tmp_path}: it has format 0.*{remedy}"),
    ):
        there = json.dumps(manifest | change)
        (tmp_path / MANIFEST).write_text(there, encoding="utf-8")
        with pytest.raises(UsageError, match=message):
            train(job("train"), str(tmp_path))
        assert (tmp_path / MANIFEST).read_text(encoding="utf-8") == there


def test_another_bundle_is_replaced_where_that_is_asked_for_and_nothing_else_is(
    job, lake, tiny_bundle, tmp_path
):
    place = f"{lake.root}/models/adc"
    old, new = (replace(tiny_bundle, made={"fingerprint": name}) for name in ("old", "new"))
    store_or_keep(job("train"), old, place)
    store_or_keep(job("train"), new, place, replacing=True)
    assert open_bundle(lake.files, place).made == new.made
    assert lake.files.names(f"{lake.root}/models") == ["adc"]
    learnable_rows(lake)
    # Another bundle's place would be trained for; that of anything else is refused before.
    train(job("train", dry_run=True), place, replacing=True)
    (tmp_path / "diary.txt").write_text("today", encoding="utf-8")
    with pytest.raises(UsageError, match="is in the way: remove it, or give another"):
        train(job("train"), str(tmp_path), replacing=True)
    assert (tmp_path / "diary.txt").exists()


@pytest.mark.parametrize(
    ("there", "store", "age", "in_the_way"),
    [
        ([], "disk", 0, False),
        (["README.md", "weights.npz", "evidence.npz"], "objects", 100, False),
        (["README.md", "weights.npz", "evidence.npz"], "objects", 0, True),
        (["weights.npz"], "disk", 100, True),
        (["README.md"], "objects", 100, True),
        (["weights.npz", "diary.txt"], "objects", 100, True),
    ],
)
def test_an_empty_folder_and_what_a_killed_upload_has_left_are_replaced(
    job, lake, tiny_bundle, tmp_path, monkeypatch, there, store, age, in_the_way
):
    if store == "objects":  # where there is no renaming
        monkeypatch.setattr(stage, "local_path", lambda uri: None)
    place, then = tmp_path / "place", time.time() - age
    place.mkdir()
    for name in there:
        (place / name).write_bytes(b"torn")
        os.utime(place / name, (then, then))
    if in_the_way:
        with pytest.raises(RunError, match=r"it has no manifest\.json; it is in the way: remove it, or give"):
            store_or_keep(job("train"), tiny_bundle, str(place))
        assert sorted(path.name for path in place.iterdir()) == sorted(there)
    else:
        store_or_keep(job("train"), tiny_bundle, str(place))
        assert open_bundle(lake.files, str(place)).checksum == tiny_bundle.checksum


def test_what_another_training_was_faster_than_is_kept_beside(job, lake, tiny_bundle):
    place = f"{lake.root}/models/adc"
    store = lambda bundle, one: store_or_keep(one, bundle, f"{place}/")  # noqa: E731
    first, late = (replace(tiny_bundle, made={"fingerprint": name}) for name in ("first", "late"))
    # The second run of the same training is content with what the first one has left.
    for run in (job("train"), job("train")):
        store(first, run)
        assert run.outputs == {"bundle": f"{place}/"}
    slower = job("train")
    beside = f"{place}-{late.checksum[:8]}"
    with pytest.raises(RunError, match=f"kept in {beside}, but {place}/ already holds another bundle"):
        store(late, slower)
    assert slower.outputs == {"bundle": beside}
    assert [open_bundle(lake.files, where).made for where in (place, beside)] == [first.made, late.made]
    assert sorted(lake.files.names(f"{lake.root}/models")) == ["adc", f"adc-{late.checksum[:8]}"]
