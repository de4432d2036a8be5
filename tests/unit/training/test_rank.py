"""One rank's training: killed and resumed, stopped early, and seen through to its end."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from adc.model.bundle import NetworkSpec
from adc.model.forward import Forward, softmax
from adc.model.predictor import Predictor
from adc.training.batches import Examples, examples_of
from adc.training.calibration import calibration_error, fit_temperature
from adc.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from adc.training.encoding import Encoding
from adc.training.folds import FOLDS
from adc.training.plan import Plan, best_epoch, learning_rate
from adc.training.rank import Rank
from adc.training.results import scored
from tests.conftest import LABELS, WORDS

# Keras' own, on every array it hands over.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPEC = NetworkSpec("gru", 4, 5, 12, 2, 0.3, 0.5, 0.1, evidence=4, dense=3)


def plan(folder: str = "", epochs: int = 3, **changes) -> Plan:
    made = Plan(
        folder=folder,
        shards="",
        labels=("EG", "MA"),
        network=SPEC,
        blend=0.0,
        batch_size=16,
        epochs=epochs,
        learning_rate=0.01,
        warmup_steps=2,
        patience=0,
        mixed_precision=False,
        xla=False,
        threads=1,
        seed=7,
    )
    return replace(made, **changes)


def examples(count: int, seed: int = 0) -> Examples:
    """Texts of 1 to 9 tokens; a label says what range its tokens are drawn from, mostly."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, count).astype(np.int32)
    lengths = draw.integers(1, 10, count)
    owners = np.repeat(labels, lengths)
    return Examples(
        tokens=(2 + 5 * owners + draw.integers(0, 7, len(owners)) % 5).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        evidence=draw.normal(0, 1, (len(owners), 4)).astype(np.float16),
        labels=labels,
        targets=np.eye(2, dtype=np.float32)[labels],
        linear=np.zeros((count, 0), np.float32),
        weights=np.ones(count, np.float32),
    )


TRAIN, VAL, TEST = examples(200), examples(60, 1), examples(0, 2)


class KilledError(Exception):
    pass


def trained(plan: Plan, killed_in: int | None = None, kind: type[Rank] = Rank, over: object = None):
    """What a rank of some kind makes, on Horovod or what stands `over` it."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    class Mortal(kind):
        def _epoch(self, train: Examples, epoch: int) -> float:
            if epoch == killed_in:
                raise KilledError
            return super()._epoch(train, epoch)

    hvd.init()
    return Mortal(plan, over or hvd, tf).run(TRAIN, VAL, TEST)


@pytest.mark.parametrize("patience", [0, 9])
def test_a_killed_run_goes_on_and_ends_as_one_that_never_was(tmp_path, patience):
    whole = trained(plan(patience=patience))
    there = plan(f"file:{tmp_path}/a place", patience=patience)
    with pytest.raises(KilledError):
        trained(there, killed_in=3)
    resumed = trained(there)
    assert [row["epoch"] for row in resumed["history"]] == [1, 2, 3]
    assert resumed["metrics"] == whole["metrics"]
    assert resumed["temperature"] == whole["temperature"]
    for name, array in whole["weights"].items():
        np.testing.assert_array_equal(resumed["weights"][name], array, err_msg=name)
    # All was done: once more takes up the end.
    assert trained(there)["metrics"] == whole["metrics"]


def test_the_linear_models_have_their_share_in_figures_and_none_in_weights(monkeypatch):
    alone = trained(plan())
    told = replace(VAL, linear=np.log(np.where(np.eye(2)[VAL.labels] > 0, 0.01, 0.99)).astype(np.float32))
    monkeypatch.setitem(globals(), "VAL", told)
    monkeypatch.setitem(globals(), "TRAIN", replace(TRAIN, linear=np.zeros((len(TRAIN), 2), np.float32)))
    shared = trained(plan(blend=0.9))
    assert alone["metrics"]["val"]["accuracy"] > 0.9 > 0.1 > shared["metrics"]["val"]["accuracy"]
    for name, array in alone["weights"].items():
        np.testing.assert_array_equal(shared["weights"][name], array, err_msg=name)


def test_of_many_rows_some_are_judged_which_is_kept(monkeypatch):
    monkeypatch.setattr("adc.training.rank.MOST_JUDGED", 50)
    metrics = trained(plan(epochs=1))["metrics"]
    assert {split: (told["rows"], told["judged"]) for split, told in metrics.items()} == {
        "val": (60, 50),
        "train": (200, 50),
    }


def test_of_a_short_training_no_early_weights_are_kept():
    # 39 steps: an average every 20 would be of the first half, 85 % right.
    metrics = trained(plan())["metrics"]
    assert metrics["val"]["accuracy"] > 0.95
    for split, rows in (("val", 60), ("train", 200)):
        assert sum(each["support"] for each in metrics[split]["dialects"].values()) == rows


def test_a_lone_text_in_the_last_batch_counts_as_any_other():
    shares = []

    class Watched(Rank):
        def __init__(self, *given):
            super().__init__(*given)
            update = self._update
            self._update = lambda *own: shares.append(own[3]) or update(*own)

    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    weights = np.where(np.arange(33) % 3 == 0, 0.5, 1.0).astype(np.float32)
    Watched(plan(epochs=1), hvd, tf).run(replace(examples(33), weights=weights), VAL, TEST)
    assert sorted(map(len, shares)) == [1, 16, 16]
    ratios = np.unique(np.concatenate(shares))
    np.testing.assert_allclose(ratios, np.array([0.5, 1.0]) / 16 / weights.mean(), rtol=1e-6)


def test_weights_that_a_last_step_has_spoilt_are_noticed():
    class Diverging(Rank):
        def _epoch(self, train: Examples, epoch: int) -> float:
            variable = self.network.trainable_variables[0]
            variable.assign(np.full(variable.shape, np.inf))
            return 1.0

    with pytest.raises(RuntimeError, match=r"after epoch 1 weights are no numbers: lower train.learning_rat"):
        trained(plan(), kind=Diverging)


def test_a_loss_that_is_no_number_ends_the_training():
    class Diverging(Rank):
        def _step(self, *given):
            return float("nan") if self.steps_done == 2 else super()._step(*given)

    message = r"the loss is nan at step 3 of epoch 1: lower train\.learning_rate, now 0\.01"
    with pytest.raises(RuntimeError, match=message):
        trained(plan(), kind=Diverging)


def test_rate_and_time_left_are_of_the_steps_after_an_epoch_s_first(monkeypatch):
    clock, told = [0.0], []

    class Slow(Rank):
        def _step(self, *given):
            first = self.steps_done % 13 == 0
            clock[0] += 100 if first else 2
            self.steps_done += 1
            return 1.0

    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    monkeypatch.setattr("adc.training.rank.time", SimpleNamespace(monotonic=lambda: clock[0]))
    Slow(plan(epochs=2), hvd, tf, told.append).run(TRAIN, VAL, TEST)
    # 13 steps of 16 examples, but for one of 8.
    steps = [(facts["epoch"], facts["rate"], facts["left"]) for facts in told if "step" in facts]
    assert steps[0] == (1, 8.0, (2 * 200 - 4 * 16) / 8)
    assert len(steps) == 8
    ends = [(facts["epoch"], facts["rate"], facts["left"]) for facts in told if "done" in facts]
    assert ends == [(1, 184 / 24, 200 * 24 / 184), (2, 184 / 24, 0)]


def test_ranks_that_drift_apart_are_noticed():
    import horovod.tensorflow as hvd
    import tensorflow as tf

    class Another:
        """Horovod with a second rank, whose digest of the weights is another."""

        def __getattr__(self, name):
            return getattr(hvd, name)

        def allgather(self, digest):
            return tf.constant(np.concatenate([digest, digest + np.uint8(1)]))

    with pytest.raises(RuntimeError, match="after epoch 1 the ranks hold different weights"):
        trained(plan(), over=Another())


def test_training_stops_when_validation_no_longer_gains_and_keeps_the_best_epoch(monkeypatch):
    macro_f1 = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    monkeypatch.setattr(
        "adc.training.rank.scored",
        lambda *given: replace(scored(*given), macro_f1=next(macro_f1, 0.0)),
    )
    averages = []

    class Watched(Rank):
        def _save_checkpoint(self, history):
            averages.append([value.copy() for value in self.average.values])

    result = trained(plan(epochs=5, patience=2), kind=Watched)
    assert [row["val_macro_f1"] for row in result["history"]] == [0.5, 0.6, 0.6, 0.4]
    bias = result["weights"]["logits_bias"]
    assert [(average[-1] == bias).all() for average in averages] == [False, True, False, False]


def test_the_best_epoch_is_the_first_of_the_best_and_the_last_where_nothing_is_validated():
    rows = [{"epoch": n, "val_macro_f1": value} for n, value in enumerate([0.2, 0.5, 0.5], start=1)]
    assert best_epoch(rows) == 2
    assert best_epoch([{"epoch": 1}, {"epoch": 2}]) == 2
    assert best_epoch([]) == 0


@pytest.fixture
def half_precision():
    """As train_rank sets it."""
    import keras

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("way", ["mixed_precision", "xla"])
def test_other_ways_to_compute_learn_the_same_task(way, request):
    if way == "mixed_precision":
        request.getfixturevalue("half_precision")
    result = trained(plan(**{way: True}))
    assert result["metrics"]["val"]["accuracy"] > 0.75
    assert result["weights"]["logits_kernel"].dtype == np.float32
    # What is told of the bundle is true of it as it is scored with.
    forward = Forward(result["weights"], SPEC.cell)
    inputs = forward.inputs(VAL.tokens, VAL.evidence.astype(np.float32))
    texts = (inputs[start:end, None] for start, end in pairwise(VAL.offsets))
    logits = np.concatenate([forward.logits(text, np.array([len(text)])) for text in texts])
    assert result["temperature"] == pytest.approx(fit_temperature(logits, VAL.labels), rel=1e-4)
    ece = calibration_error(logits, VAL.labels, result["temperature"])
    assert result["metrics"]["val"]["ece"] == pytest.approx(ece, abs=1e-4)


def test_confidences_that_come_true_have_no_calibration_error():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (40000, 3))
    labels = (logits + draw.gumbel(size=logits.shape)).argmax(axis=1)
    assert calibration_error(logits, labels, 1.0) < 0.02
    assert calibration_error(logits, labels, 0.2) > 0.15


def test_only_the_latest_whole_checkpoint_is_kept(tmp_path):
    uri = f"file:{tmp_path}/x"
    assert latest_checkpoint(uri) is None
    for epoch in (9, 10):
        save_checkpoint(uri, Checkpoint({"epoch": epoch}, {"a": np.arange(epoch)}))
    (tmp_path / "x" / "epoch-00011.npz.partial").write_bytes(b"torn")
    kept = latest_checkpoint(uri)
    assert kept is not None
    assert (kept.facts, kept.arrays["a"].tolist()) == ({"epoch": 10}, list(range(10)))
    assert sorted(path.name for path in (tmp_path / "x").glob("*.npz")) == ["epoch-00010.npz"]


def test_a_checkpoint_of_an_older_layout_is_not_taken_up(tmp_path):
    save_checkpoint(f"file:{tmp_path}/checkpoints", Checkpoint({"epoch": 2}, {"optimizer-0": np.zeros(1)}))
    assert [row["epoch"] for row in trained(plan(f"file:{tmp_path}"))["history"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("warmup", "steps", "rates"),
    [
        # Up over the warm-up, and down as a cosine over all the rest.
        (2, 22, {0: 0.005, 1: 0.01, 2: 0.01, 12: 0.005, 22: 0.0}),
        # Of a short training it is a tenth at most.
        (200, 20, {0: 0.005, 1: 0.01, 2: 0.01, 11: 0.005, 20: 0.0}),
        (200, 9, {0: 0.01, 9: 0.0}),
        (0, 10, {0: 0.01, 5: 0.005, 11: 0.0}),
    ],
)
def test_the_rate_rises_and_falls(warmup, steps, rates):
    told = {step: learning_rate(step, steps, plan(warmup_steps=warmup)) for step in rates}
    assert told == pytest.approx(rates, abs=1e-12)


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_a_split_is_judged_by_the_probabilities_that_scoring_tells(
    tiny_bundle, tmp_path, request, mixed_precision
):
    """To 1e-4, from the shard's row to the rank's answer; of training rows to what half precision leaves."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    from adc.model.network import export_weights

    hvd.init()
    if mixed_precision:
        request.getfixturevalue("half_precision")
    given = {"labels": LABELS, "network": tiny_bundle.network, "blend": tiny_bundle.blend}
    rank = Rank(plan(**given, mixed_precision=mixed_precision), hvd, tf)
    draw = np.random.default_rng(0)
    for variable in rank.network.trainable_variables:
        variable.assign(draw.normal(0, 0.7, variable.shape))
    rank._judge_as_scored()
    bundle = replace(tiny_bundle, weights=export_weights(rank.network), temperature=1.0)
    evidence, stack = bundle.evidence, (bundle.stack, bundle.evidence)
    encoding = Encoding(bundle.encoder, LABELS, (evidence,) * (FOLDS + 1), 0.0, 0.0, np.ones(3), stack=stack)
    texts = [" ".join(draw.choice(WORDS, draw.integers(1, 20))) for _ in range(200)]
    expected = Predictor(bundle).probabilities(texts)
    apart = {}
    for split in ("val", "train"):
        rows = pa.table(
            {
                "clean": texts,
                "dialect": draw.choice(LABELS, len(texts)).tolist(),
                "text_hash": [f"{number:032x}" for number in range(len(texts))],
                "author": pa.nulls(len(texts), pa.string()),
                "split": [split] * len(texts),
                "weight": [1.0] * len(texts),
                "teacher": pa.nulls(len(texts), pa.list_(pa.float32())),
            }
        )
        shard = map(encoding.rows, rows.to_batches(64))
        held = examples_of(shard, split, tmp_path / split)
        _, logits = rank._evaluate(held)
        told = np.empty_like(expected)
        # The rank takes texts of like length together.
        told[np.argsort(held.lengths, kind="stable")] = softmax(logits, 1.0)
        apart[split] = np.abs(told - expected).max()
    assert apart["val"] < 1e-5
    assert 1e-5 < apart["train"] < 1e-2
