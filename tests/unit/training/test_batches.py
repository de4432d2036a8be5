"""The plan that ranks share: every example once an epoch, in the same batches however many ranks."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adc.training.batches import LENGTH_STEP, POOL_BATCHES, Examples, epoch_batches, read_examples
from adc.training.encoding import SHARD

LENGTHS = np.random.default_rng(1).integers(1, 57, 5000)
EXAMPLES = Examples(
    tokens=np.array([2, 3, 4, 5, 6, 7, *range(10, 19)], np.int32),
    offsets=np.array([0, 1, 3, 6, 15]),
    evidence=np.arange(30, dtype=np.float16).reshape(15, 2),
    labels=np.array([0, 1, 2, 1], np.int32),
    targets=np.eye(3, dtype=np.float32)[[0, 1, 2, 1]],
    linear=np.log(np.array([[0.5, 0.3, 0.2]] * 4, np.float32)),
    weights=np.array([1.0, 0.5, 2.0, 1.0], np.float32),
)


def listed(batches) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


@given(
    count=st.integers(0, 400), batch_size=st.integers(1, 70), seed=st.integers(0, 9), epoch=st.integers(1, 9)
)
@settings(max_examples=80, derandomize=True, deadline=None)
def test_every_row_comes_once_an_epoch(count, batch_size, seed, epoch):
    batches = listed(epoch_batches(LENGTHS[:count], batch_size, seed, epoch))
    assert sorted(row for batch in batches for row in batch) == list(range(count))
    sizes = sorted(map(len, batches))
    assert len(batches) == -(-count // batch_size)
    assert all(size == batch_size for size in sizes[1:])


def test_the_same_plan_for_the_same_seed_and_another_for_each_epoch():
    first = listed(epoch_batches(LENGTHS, 64, seed=3, epoch=1))
    assert listed(epoch_batches(LENGTHS.copy(), 64, seed=3, epoch=1)) == first
    others = [listed(epoch_batches(LENGTHS, 64, seed, epoch)) for seed, epoch in ((3, 2), (4, 1))]
    for other in others:
        assert other != first
        # Not the same batches in another order either.
        assert {tuple(batch) for batch in other} & {tuple(batch) for batch in first} == set()


def test_batches_hold_texts_of_like_length_and_come_in_drawn_order():
    batches = epoch_batches(LENGTHS, 64, seed=0, epoch=1)
    widths = [LENGTHS[batch].max() for batch in batches]
    padding = 1 - LENGTHS.sum() / sum(
        width * len(batch) for width, batch in zip(widths, batches, strict=True)
    )
    assert padding < 0.03
    assert abs(np.corrcoef(widths, range(len(widths)))[0, 1]) < 0.3


def test_long_lists_are_sorted_pool_by_pool():
    lengths = np.tile(LENGTHS, 3)
    batches = epoch_batches(lengths, batch_size=4, seed=0, epoch=1)
    whole_range = [batch for batch in batches if np.ptp(lengths[batch]) == 0]
    assert len(lengths) > 10 * POOL_BATCHES * 4
    # Were all sorted together, nearly every batch would hold one length only.
    assert 0.2 < len(whole_range) / len(batches) < 0.7


@given(ranks=st.integers(1, 5), count=st.integers(1, 40), batch_size=st.integers(1, 12))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_slices_of_the_ranks_part_each_batch_evenly(ranks, count, batch_size):
    for batch in epoch_batches(LENGTHS[:count], batch_size, seed=0, epoch=1):
        slices = [batch[rank::ranks] for rank in range(ranks)]
        assert sorted(np.concatenate(slices).tolist()) == sorted(batch.tolist())
        assert max(map(len, slices)) - min(map(len, slices)) <= 1


def test_a_batch_is_as_long_as_its_longest_text():
    batch = EXAMPLES.batch(np.array([2, 0]))
    assert batch.tokens.tolist() == [[5, 6, 7], [2, 0, 0]]
    assert batch.evidence.tolist() == [[[6, 7], [8, 9], [10, 11]], [[0, 1], [0, 0], [0, 0]]]
    assert (batch.targets.argmax(axis=1).tolist(), batch.weights.tolist()) == ([2, 0], [2.0, 1.0])
    assert (len(EXAMPLES), EXAMPLES.lengths.tolist()) == (4, [1, 2, 3, 9])


def test_a_batch_whose_shape_is_compiled_is_padded_to_a_step_of_lengths():
    batch = EXAMPLES.batch(np.array([2, 0]), True)
    assert batch.tokens.tolist() == [[5, 6, 7, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0]]
    assert batch.evidence.shape == (2, LENGTH_STEP, 2)
    assert EXAMPLES.batch(np.array([3]), True).tokens.shape == (1, 2 * LENGTH_STEP)


@pytest.mark.parametrize("rows", [[], [0], [3, 1], [0, 1, 2, 3]])
def test_words_hold_all_that_any_part_of_a_batch_gives(rows):
    words = EXAMPLES.words(np.array(rows, int))
    assert (words.dtype, words.tolist()) == (np.int32, sorted(set(words.tolist())))
    parts = [EXAMPLES.batch(np.array(rows, int)[rank::3], True).tokens for rank in range(3)]
    assert set(words.tolist()) == {0, 1} | {token for part in parts for token in part.ravel().tolist()}


def test_a_rank_without_rows_takes_part_with_an_example_of_no_weight():
    none, one = (EXAMPLES.batch(np.array(rows, int), True) for rows in ([], [0]))
    assert (none.tokens != 0).any(axis=1).all()
    assert none.weights.tolist() == [0.0]
    assert [(array.shape, array.dtype) for array in none] == [(array.shape, array.dtype) for array in one]


def example(tokens: list[int], label: int, weight: float, split: str) -> dict[str, object]:
    """A row of a shard; each token's evidence is the token and its negative."""
    evidence = np.array([[token, -token] for token in tokens], np.float16).tobytes()
    target = np.eye(3)[label].tolist()
    return {
        "tokens": tokens,
        "evidence": evidence,
        "label": label,
        "target": target,
        "weight": weight,
        "split": split,
    }


@pytest.fixture
def shards(tmp_path):
    """Two shards, of several row groups, and what else lies in a folder that Spark has written."""
    first = [example([2, 3], 0, 1.0, "train"), example([4], 1, 0.5, "val")]
    second = [example([5, 6, 7], 2, 2.0, "train"), example([8], 0, 1.0, "train")]
    folder = tmp_path / "بحيرتي 50% #1" / "shards"
    folder.mkdir(parents=True)
    for name, rows in (("part-00001.parquet", second), ("part-00000.parquet", first)):
        pq.write_table(pa.Table.from_pylist(rows, schema=SHARD), folder / name, row_group_size=1)
    (folder / "_SUCCESS").write_text("")
    (folder / ".part-00000.parquet.crc").write_bytes(b"crc")
    return folder


@pytest.mark.parametrize("scheme", ["file://", "file:"])
def test_shards_are_read_by_split_always_in_the_same_order(shards, scheme, tmp_path):
    """From addresses as Hadoop writes them, with nothing escaped."""
    examples = read_examples(f"{scheme}{shards}", "train", tmp_path / "scratch")
    assert [sequence.tolist() for sequence in np.split(examples.tokens, examples.offsets[1:-1])] == [
        [2, 3],
        [5, 6, 7],
        [8],
    ]
    assert (examples.labels.tolist(), examples.weights.tolist()) == ([0, 2, 0], [1.0, 2.0, 1.0])
    assert examples.evidence.tolist() == [[token, -token] for token in examples.tokens.tolist()]
    assert examples.targets.tolist() == np.eye(3)[[0, 2, 0]].tolist()
    assert [array.dtype for array in (examples.tokens, examples.labels, examples.weights)] == [
        np.int32,
        np.int32,
        np.float32,
    ]


def test_a_split_that_no_shard_has_is_empty(shards, tmp_path):
    examples = read_examples(f"file:{shards}", "test", tmp_path / "scratch")
    assert (len(examples), examples.offsets.tolist(), len(examples.lengths)) == (0, [0], 0)
    assert epoch_batches(examples.lengths, 8, 0, 1) == []
