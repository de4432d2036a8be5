"""What the evidence of a token is, told by tables small enough to sum by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adc.model.encoder import Encoder
from adc.model.evidence import Evidence, sums_from
from adc.model.ngrams import MOST_LETTERS, MULTIPLIER, Index, gram_keys, pair_keys
from adc.model.quantised import Rows

ENCODER = Encoder(("ab", "cd"), max_tokens=4)
AB, CD, UNKNOWN = 2, 3, 1


def encoded(tables: Evidence, *texts: str) -> tuple[list[list[int]], np.ndarray]:
    """The ids of each text's tokens, and the evidence of all, one after the other."""
    tokens = ENCODER.tokens(texts)
    return tokens.by_text(), tables.of_tokens(tokens)


def key(gram: str) -> int:
    return int(gram_keys([gram], len(gram), len(gram))[1][0])


@pytest.fixture
def tables() -> Evidence:
    """One class, two numbers: words say 1 and 10, the pair `ab cd` 100, the n-grams ` x` and `xx` 2 and 4.

    Their idf: 3 and 4, 12, and 1.
    """
    grams = sorted([(key(" x"), [2.0, 0.0]), (key("xx"), [0.0, 4.0])])
    return Evidence(
        words=Rows.of(np.array([[0, 0], [0, 0], [1, 1], [10, 10]])),
        word_idf=np.array([0, 0, 3, 4], np.float32),
        pairs=np.array([AB << 32 | CD]),
        pair_rows=Rows.of(np.array([[100, 100]])),
        pair_idf=np.array([12], np.float32),
        grams=np.array([gram for gram, _ in grams], np.uint64),
        gram_rows=Rows.of(np.array([row for _, row in grams])),
        gram_idf=np.ones(2, np.float32),
        intercept=np.array([0.5], np.float32),
    )


def test_a_known_word_has_its_row_and_that_of_the_pair_it_closes(tables):
    ids, evidence = encoded(tables, "ab cd", "cd ab", "cd")
    assert ids == [[AB, CD], [CD, AB], [CD]]
    # Neither `cd ab` nor the `ab` of one text and the `cd` of the next are a known pair.
    np.testing.assert_allclose(evidence[:, 0], [1, 110, 10, 1, 10], rtol=1e-3)


def test_an_unknown_word_has_its_n_grams_of_length_one_in_all(tables):
    ids, evidence = encoded(tables, "x ab xxx qq")
    assert ids == [[UNKNOWN, AB, UNKNOWN, UNKNOWN]]
    # ` x` once and `xx` twice, sublinear: (1, 1 + ln 2) over its length.
    tf = np.array([1, 1 + np.log(2)]) / np.hypot(1, 1 + np.log(2))
    np.testing.assert_allclose(evidence, [[2, 0], [1, 1], [2 * tf[0], 4 * tf[1]], [0, 0]], rtol=1e-3)


def test_of_a_word_without_an_end_the_beginning_is_read(tables):
    words = ["x" * MOST_LETTERS + tail for tail in ("", "y", "x" * 10_000)]
    sums, norms = tables.of_spelling(words)
    assert (sums == sums[0]).all() and (norms == norms[0]).all()


def test_a_text_is_judged_by_its_different_words_and_pairs(tables):
    texts = tables.of_texts(ENCODER.tokens(["ab cd ab cd", "xxx ab", "x xxx x", "qq"]))
    tf = 1 + np.log(2)
    margins = [
        # idf times what they say, over the length of all three.
        (3 * 1 + 4 * 10 + 12 * 100) / np.sqrt(3**2 + 4**2 + 12**2),
        # The word alone, length 1; beside it the n-grams of the other word.
        1 + 2 / np.hypot(1, tf),
        # Each word has a length of its own, and squares add up.
        (2 + 2) / np.sqrt(1 + 1 + tf**2),
        0,
    ]
    odds = [1 + 10 + 100, 1 + 4 * tf / np.hypot(1, tf), 4 * tf / np.hypot(1, tf), 0]
    np.testing.assert_allclose(texts, np.stack([np.array(margins) + 0.5, odds], axis=1), rtol=2e-3)
    assert tables.of_texts(ENCODER.tokens([])).shape == (0, 2)


def test_what_is_cut_off_has_no_evidence(tables):
    ids, evidence = encoded(tables, "ab ab ab ab cd")
    assert (len(ids[0]), evidence.shape) == (4, (4, 2))


def test_empty_tables_find_nothing():
    none, no_idf = Rows.of(np.zeros((0, 2))), np.zeros(0, np.float32)
    empty = Evidence(
        *(Rows.of(np.zeros((4, 2))), np.ones(4, np.float32)),
        *(np.zeros(0, np.int64), none, no_idf),
        *(np.zeros(0, np.uint64), none, no_idf),
        np.zeros(1, np.float32),
    )
    assert not encoded(empty, "ab cd x")[1].any()
    assert not empty.of_texts(ENCODER.tokens(["ab cd x"])).any()


def test_rows_are_kept_to_a_hundredth_of_their_half_and_zeros_exactly():
    draw = np.random.default_rng(0)
    rows = draw.normal(0, 1, (50, 6)) * draw.choice([1e-3, 1, 100], (50, 2)).repeat(3, axis=1)
    rows[7] = 0
    kept = Rows.of(rows)[:]
    assert kept.dtype == np.float32
    error = np.abs(kept - rows).reshape(50, 2, 3).max(axis=2)
    assert (error <= 0.01 * np.abs(rows).reshape(50, 2, 3).max(axis=2)).all()
    assert not kept[7].any()
    some, weights = np.array([3, 3, 9]), np.array([1, 2, 0.5], np.float32)
    np.testing.assert_array_equal(Rows.of(rows)[some], kept[some])
    np.testing.assert_allclose(
        Rows.of(rows).weighted(some, weights), kept[some] * weights[:, None], rtol=1e-6
    )


def test_tables_come_back_from_their_plain_arrays(tables):
    again = Evidence.of_arrays(tables.arrays())
    assert (encoded(again, "ab cd xx")[1] == encoded(tables, "ab cd xx")[1]).all()


def test_scaling_divides_all_rows(tables):
    halved = tables.scaled(np.array([2.0, 1.0]))
    tokens = ENCODER.tokens(["ab cd xx"])
    np.testing.assert_allclose(halved.of_tokens(tokens), tables.of_tokens(tokens) / [2, 1], rtol=1e-3)
    np.testing.assert_allclose(halved.of_texts(tokens), tables.of_texts(tokens) / [2, 1], rtol=1e-3)


@given(texts=st.lists(st.text("ابتx 😂", max_size=8), max_size=6))
def test_n_grams_are_those_of_each_text_and_equal_ones_have_equal_keys(texts):
    owners, keys = gram_keys(texts, 2, 4)
    expected = [
        (number, text[start : start + size])
        for size in (2, 3, 4)
        for number, text in enumerate(texts)
        for start in range(len(text) - size + 1)
    ]
    assert owners.tolist() == [number for number, _ in expected]
    assert keys.tolist() == [key(gram) for _, gram in expected]
    assert len(set(keys.tolist())) == len({gram for _, gram in expected})


def test_pairs_begin_anew_with_each_text_and_skip_unknown_words():
    keys = pair_keys(np.array([AB, CD, UNKNOWN, AB, AB, CD]), np.array([5, 1]))
    assert keys.tolist() == [-1, AB << 32 | CD, -1, -1, AB << 32 | AB, -1]


@pytest.mark.parametrize("size", [0, 1, 2, 5000])
def test_an_index_gives_rows_and_places_of_the_keys_that_it_holds(size):
    draw = np.random.default_rng(size)
    table = draw.integers(0, 2**64, size, np.uint64)
    # Keys that begin alike, and some that do so once they are mixed; the ends; and others.
    alike = np.arange(7 * (size > 2), dtype=np.uint64)
    inverse = np.uint64(pow(int(MULTIPLIER), -1, 2**64))
    table = np.unique(np.concatenate([table, alike + np.uint64(2**40), alike * inverse]))
    ends = np.array([0, 2**40 + 6, 2**40 + 7, 2**64 - 1], np.uint64)
    keys = np.concatenate([draw.permutation(table), draw.integers(0, 2**64, 500, np.uint64), ends])
    row_of = {key: row for row, key in enumerate(table.tolist())}
    expected = [(row_of[key], place) for place, key in enumerate(keys.tolist()) if key in row_of]
    rows, places = Index(table).found(keys)
    assert list(zip(rows.tolist(), places.tolist(), strict=True)) == expected


@pytest.mark.parametrize("groups", [0, 1, 40])
def test_sums_of_groups_of_rows(groups):
    draw = np.random.default_rng(groups)
    sizes = draw.integers(1, 9, groups)
    rows = draw.normal(size=(sizes.sum(), 3)).astype(np.float32)
    sums = sums_from(rows, np.cumsum(sizes) - sizes)
    parts = np.split(rows, np.cumsum(sizes))[:groups]
    np.testing.assert_allclose(sums, np.reshape([part.sum(axis=0) for part in parts], (groups, 3)), atol=1e-5)
