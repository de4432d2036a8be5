"""A bundle comes back as it was stored, or not at all."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adc.cleaning.profiles import SAME_SINCE
from adc.errors import UsageError
from adc.model.bundle import FORMAT, load_bundle, model_card

FILES = {"manifest.json", "weights.npz", "evidence.npz", "stack.npz", "vocabulary.txt", "README.md"}


@pytest.fixture
def folder(tiny_bundle, tmp_path) -> Path:
    tiny_bundle.save(tmp_path / "models" / "tiny")
    return tmp_path / "models" / "tiny"


def test_a_bundle_comes_back_whole(tiny_bundle, folder):
    loaded = load_bundle(str(folder))
    bare = {"weights": {}, "evidence": None, "stack": None}
    assert replace(loaded, **bare) == replace(tiny_bundle, **bare)
    for there, here in (
        (loaded.weights, tiny_bundle.weights),
        (loaded.evidence.arrays(), tiny_bundle.evidence.arrays()),
        (loaded.stack.arrays(), tiny_bundle.stack.arrays()),
    ):
        assert there.keys() == here.keys()
        for name, array in here.items():
            np.testing.assert_array_equal(there[name], array, strict=True)
    assert (loaded.checksum, loaded.model) == (tiny_bundle.checksum, tiny_bundle.model)
    assert {path.name for path in folder.iterdir()} == FILES


def test_one_made_before_rules_were_added_keeps_its_name(tiny_bundle, tmp_path):
    older = replace(tiny_bundle, rules=SAME_SINCE)
    older.save(tmp_path)
    assert load_bundle(tmp_path).model == older.model != tiny_bundle.model


def test_a_model_is_called_by_its_name_and_checksum(tiny_bundle):
    assert tiny_bundle.model == f"tiny@{tiny_bundle.checksum[:8]}"
    assert len(tiny_bundle.checksum) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"labels": ("EG", "SA", "MA")},
        {"temperature": 1.0},
        {"metrics": {}},
        {"history": ()},
        {"made": {}},
        {"evidence": None},
        {"stack": None},
        {"blend": 0.5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_checksum_changes_with_all_that_a_bundle_holds(tiny_bundle, change):
    assert replace(tiny_bundle, **change).checksum != tiny_bundle.checksum
    assert replace(tiny_bundle).checksum == tiny_bundle.checksum


def test_the_same_training_gives_the_same_model_however_long_it_took(tiny_bundle):
    made = [
        replace(
            tiny_bundle,
            history=({"epoch": 1, "loss": 1.5, "seconds": seconds},),
            made={"settings": {}, "data": {"version": version}},
        )
        for seconds, version in ((2.0, 3), (9.5, 4))
    ]
    assert made[0].model == made[1].model
    assert replace(made[0], history=({"epoch": 1, "loss": 1.4, "seconds": 2.0},)).model != made[0].model


def test_it_may_be_saved_anywhere_and_again(tiny_bundle, folder, tmp_path):
    folder.rename(tmp_path / "اسم آخر")
    replace(tiny_bundle, temperature=2.0).save(tmp_path / "اسم آخر")
    assert load_bundle(tmp_path / "اسم آخر").temperature == 2.0


def rewrite(path: Path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


def edit_manifest(**changes):
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest |= changes
        (folder / "manifest.json").write_text(
            json.dumps({name: value for name, value in manifest.items() if value is not None})
        )

    return edit


def flip_byte_of_weights(folder: Path) -> None:
    path = folder / "weights.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_weight(folder: Path) -> None:
    with np.load(folder / "weights.npz") as stored:
        weights = {name: stored[name] for name in stored.files}
    weights["logits_bias"] = weights["logits_bias"] + np.float32(1e-3)
    np.savez_compressed(folder / "weights.npz", **weights)


def pickle_the_weights(folder: Path) -> None:
    np.savez(folder / "weights.npz", words=np.array([{"code": "runs"}], dtype=object))


def pickle_instead_of_weights(folder: Path) -> None:
    (folder / "weights.npz").write_bytes(pickle.dumps({"words": [1.0]}))


def put_an_array_for_the_archive(folder: Path) -> None:
    with (folder / "weights.npz").open("wb") as file:
        np.save(file, np.zeros(3))


CHANGED, DAMAGED = "does not match its own checksum", "is damaged: "


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        (flip_byte_of_weights, DAMAGED),
        (change_a_weight, CHANGED),
        (pickle_the_weights, DAMAGED),
        (pickle_instead_of_weights, DAMAGED),
        (put_an_array_for_the_archive, DAMAGED),
        (lambda folder: rewrite(folder / "weights.npz", lambda content: content[:-100]), DAMAGED),
        (lambda folder: rewrite(folder / "weights.npz", lambda content: b""), DAMAGED),
        (lambda folder: (folder / "weights.npz").unlink(), "is not a bundle: it has no weights.npz"),
        (lambda folder: rewrite(folder / "vocabulary.txt", lambda words: words + b"x"), CHANGED),
        (lambda folder: rewrite(folder / "vocabulary.txt", lambda words: words + b"\nx"), CHANGED),
        (lambda folder: rewrite(folder / "vocabulary.txt", lambda words: b""), CHANGED),
        (lambda folder: rewrite(folder / "vocabulary.txt", lambda words: words[:-1]), DAMAGED),
        (lambda folder: (folder / "vocabulary.txt").unlink(), "is not a bundle: it has no vocabulary.txt"),
        (edit_manifest(temperature=1.26), CHANGED),
        (edit_manifest(labels=["SA", "MA", "EG"]), CHANGED),
        (edit_manifest(max_tokens=13), CHANGED),
        (edit_manifest(profile={"name": "model", "switches": {}}), CHANGED),
        (
            edit_manifest(profile={"name": "model", "switches": {"magic": "on"}}),
            ": cleaning profile model: no rule magic",
        ),
        (edit_manifest(network={"cell": "gru"}), DAMAGED),
        (edit_manifest(labels=None), DAMAGED),
        (edit_manifest(checksum=None), DAMAGED),
        (edit_manifest(checksum="0" * 64), CHANGED),
        (edit_manifest(format=FORMAT + 1), f": it has format {FORMAT + 1}; this adc reads format {FORMAT}"),
        (edit_manifest(rules=SAME_SINCE - 1), ": it was trained under version 6 of the cleaning rules"),
        (edit_manifest(format=None), f": it has format None; this adc reads format {FORMAT}"),
        (lambda folder: rewrite(folder / "manifest.json", lambda content: content[:-30]), DAMAGED),
        (lambda folder: rewrite(folder / "manifest.json", lambda content: b"[]"), DAMAGED),
        (lambda folder: rewrite(folder / "manifest.json", lambda content: b"\xff"), DAMAGED),
        (lambda folder: (folder / "manifest.json").unlink(), "is not a bundle: it has no manifest.json"),
    ],
)
def test_what_was_changed_or_torn_is_refused_naming_the_folder(folder, tamper, complaint):
    tamper(folder)
    with pytest.raises(UsageError) as refused:
        load_bundle(folder)
    assert str(folder) in str(refused.value)
    assert complaint in str(refused.value)


def test_a_folder_that_is_not_there_and_a_file_in_its_place(tmp_path):
    with pytest.raises(UsageError, match="nope does not exist"):
        load_bundle(tmp_path / "nope")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is damaged: NotADirectoryError"):
        load_bundle(tmp_path / "file")


def test_the_card_says_what_it_is_and_how_good(tiny_bundle, folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == model_card(tiny_bundle)
    assert "3 dialects an Arabic tweet is written in: EG, MA, SA." in card
    assert "Bidirectional GRU, 4 units each way, on vectors of 12 words and class evidence of words" in card
    assert f"checksum {tiny_bundle.checksum}" in card
    assert "| val | 120 | 50.0 | 25.0 |" in card
    part = replace(tiny_bundle, metrics={"val": tiny_bundle.metrics["val"] | {"judged": 100}})
    assert "| val | 100 of 120 | 50.0 | 25.0 |" in model_card(part)


def test_the_card_says_which_figures_are_out_of_fold(tiny_bundle):
    trained = replace(tiny_bundle, metrics={"train": tiny_bundle.metrics["val"]})
    assert "the split train are out of fold: by linear models" in model_card(trained)
    # Other splits are not, nor is a network without linear models.
    for other in (tiny_bundle, replace(trained, evidence=None, stack=None, blend=0.0)):
        assert "out of fold" not in model_card(other)


def test_the_card_has_the_figures_of_each_dialect(tiny_bundle):
    own = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 1200}
    val = tiny_bundle.metrics["val"]
    metrics = {"train": val, "val": val | {"dialects": {"EG": own}}, "test": val | {"dialects": {"MA": own}}}
    card = model_card(replace(tiny_bundle, metrics=metrics))
    assert "| dialect, of test | tweets |" in card
    assert "| MA | 1,200 | 50.0 | 25.0 | 33.3 |" in card
    assert "| EG |" not in card and "dialect, of" not in model_card(tiny_bundle)
