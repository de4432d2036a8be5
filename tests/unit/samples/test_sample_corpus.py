"""The sample corpus: the same by seed, shaped like tweets, plausible words, neither trivial nor noise."""

import csv
import os
import random
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from statistics import mean

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.samples import SampleTweet, sample_corpus, write_sample_corpus
from adc.samples.lexicons import Lexicon, fill, lexicon

CORPUS = sample_corpus()
MARKS = re.compile(r"@\w+|https?://\S+|#\S+")


def test_same_seed_gives_the_same_corpus_and_another_seed_another():
    assert sample_corpus(300, seed=3) == sample_corpus(300, seed=3)
    assert sample_corpus(300, seed=3) != sample_corpus(300, seed=4)


def test_output_does_not_depend_on_the_process():
    script = "from adc.samples import sample_corpus; print(ascii(sample_corpus(200)))"
    outputs = {
        subprocess.check_output([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }

    assert outputs == {ascii(sample_corpus(200)).encode() + b"\n"}


def test_ids_are_unique_increasing_tweet_ids_of_2019_and_2020_that_a_float_would_destroy():
    ids = [int(tweet.id) for tweet in CORPUS]
    years = {1970 + ((tweet_id >> 22) + 1288834974657) // 1000 // 31556952 for tweet_id in ids}

    assert all(low < high for low, high in pairwise(ids))
    assert years == {2019, 2020}
    assert sum(int(float(tweet_id)) != tweet_id for tweet_id in ids) > 0.9 * len(ids)


@pytest.mark.parametrize("rows", [1, 180, 4000])
def test_rows_are_as_many_as_asked_for(rows):
    assert len(sample_corpus(rows)) == rows


def test_every_dialect_is_there_from_180_rows_on_and_sizes_are_unequal():
    assert {tweet.dialect for tweet in sample_corpus(180)} == set(DIALECTS.codes)

    sizes = Counter(tweet.dialect for tweet in CORPUS)
    assert sizes.most_common(1)[0][0] == "EG"
    assert max(sizes.values()) > 4 * min(sizes.values())


@pytest.mark.parametrize("rows", [0, -5])
def test_fewer_rows_than_one_are_refused(rows):
    with pytest.raises(UsageError, match=f"{rows} rows"):
        sample_corpus(rows)


@pytest.mark.parametrize(
    ("what", "pattern", "low", "high"),
    [
        ("mentions", r"@user_\w+", 0.58, 0.68),
        ("links", r"https://t\.co/\w{10}", 0.12, 0.18),
        ("hashtags", r"#\w+", 0.08, 0.13),
        ("line breaks", r"[\r\n]", 0.23, 0.33),
        ("carriage returns", r"\r", 0.002, 0.04),
        ("emoji", r"[\u2600-\u27bf\U0001f300-\U0001faff]", 0.30, 0.42),
        ("emoji joined by ZWJ", r"\u200d", 0.02, 0.10),
        ("skin tones", r"[\U0001f3fb-\U0001f3ff]", 0.02, 0.10),
        ("flags", r"[\U0001f1e6-\U0001f1ff]{2}", 0.005, 0.04),
        ("laughter", r"هههه", 0.05, 0.15),
        ("elongation", r"([اوي])\1{2,}", 0.05, 0.15),
        ("tatweel", r"ـ{2,}", 0.01, 0.05),
        ("tashkeel", r"[\u064b-\u0652]", 0.02, 0.10),
        ("digits", r"(?<![\w/])\d+", 0.08, 0.30),
        ("Arabic-Indic digits", r"[٠-٩]", 0.02, 0.12),
        ("Latin words", r"(?<![@#/\w&;.])(?!https|gt|lt|amp)[A-Za-z]{2,}", 0.02, 0.10),
        ("HTML entities", r"&(lt|gt|amp);", 0.005, 0.03),
        ("repeated punctuation", r"[!؟.]{2,}", 0.10, 0.45),
        ("presentation forms", r"[\ufb50-\ufdff\ufe70-\ufefc]", 0.002, 0.03),
        ("no Arabic letter", r"\A[^\u0621-\u064a]*\Z", 0.003, 0.03),
    ],
)
def test_marks_of_raw_tweets_occur_about_as_often_as_in_raw_tweets(what, pattern, low, high):
    # A mention's and a hashtag's letters are not the text's; only for them are they looked at.
    bare = what not in {"mentions", "links", "hashtags"}
    texts = [MARKS.sub("", tweet.text) if bare else tweet.text for tweet in CORPUS]

    assert low <= mean(bool(re.search(pattern, text)) for text in texts) <= high


def test_lengths_are_those_of_tweets():
    lengths = [len(tweet.text) for tweet in CORPUS]

    assert 80 <= mean(lengths) <= 100
    assert max(lengths) <= 280


def test_handles_say_nothing_of_the_dialect():
    handles = Counter(handle for tweet in CORPUS for handle in set(re.findall(r"@\w+", tweet.text)))

    assert mean(count == 1 for count in handles.values()) > 0.95


def test_some_texts_are_near_duplicates_but_few():
    assert 0.01 <= 1 - len(_distinct(CORPUS)) / len(CORPUS) <= 0.10


@pytest.mark.parametrize("dialect", DIALECTS.codes)
def test_lexicon_of_a_country_is_whole(dialect):
    home = lexicon(dialect)
    region = [lexicon(home.shares)] if home.shares else []
    shared, msa = lexicon("shared"), lexicon("msa")
    voices = [home, *region, shared]

    assert sum(map(len, [*home.words.values(), *home.clauses.values(), home.replies, home.closers])) >= 60
    assert all(set(source.clauses) == set(shared.clauses) for source in [*voices, msa])
    assert not _unfilled(home, voices) | _unfilled(msa, [msa, shared]) | _unfilled(shared, [shared])
    for source in region:
        assert not _unfilled(source, voices) | _unfilled(source, [source, shared])
    used = {name for source in voices for template in _templates(source) for name in _slots(template)}
    assert set(home.words) <= used | {"but"}


def test_linear_model_must_learn_and_cannot_win():
    tweets = _distinct(CORPUS)
    texts, dialects = [MARKS.sub(" ", tweet.text) for tweet in tweets], [tweet.dialect for tweet in tweets]
    train_texts, test_texts, train_dialects, truth = train_test_split(
        texts, dialects, test_size=0.2, random_state=0, stratify=dialects
    )
    model = make_pipeline(
        make_union(
            TfidfVectorizer(sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
        ),
        LinearSVC(C=0.3, class_weight="balanced", random_state=0),
    )

    guesses = model.fit(train_texts, train_dialects).predict(test_texts)

    pairs = list(zip(guesses, truth, strict=True))
    country = mean(guess == dialect for guess, dialect in pairs)
    region = mean(DIALECTS.region_of[guess] == DIALECTS.region_of[dialect] for guess, dialect in pairs)
    assert 0.45 <= country <= 0.85
    assert region > country + 0.1


def test_csv_gives_back_every_row_with_its_line_breaks(tmp_path):
    path = tmp_path / "corpus.csv"

    write_sample_corpus(path)

    assert any("\r" in tweet.text.replace("\r\n", "") for tweet in CORPUS)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "dialect", "text"]
    assert [SampleTweet(*row) for row in rows] == CORPUS
    assert [file.name for file in tmp_path.iterdir()] == ["corpus.csv"]


def test_a_link_is_followed_and_a_pipe_written_to(tmp_path):
    write_sample_corpus(tmp_path / "real.csv", rows=10)
    expected = (tmp_path / "real.csv").read_bytes()
    (tmp_path / "real.csv").write_text("")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_sample_corpus(tmp_path / "link.csv", rows=10)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == expected

    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit((tmp_path / "pipe").read_bytes)
        write_sample_corpus(tmp_path / "pipe", rows=10)
        assert read.result(10) == expected
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("where", ["missing/corpus.csv", "folder"])
def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path, where):
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(UsageError, match=re.escape(str(tmp_path / where))):
        write_sample_corpus(tmp_path / where, rows=10)

    assert list(tmp_path.rglob("*")) == [folder]


def _distinct(tweets: list[SampleTweet]) -> list[SampleTweet]:
    """The first of each set of tweets of the same letters, mentions, links and hashtags aside."""
    first: dict[str, SampleTweet] = {}
    for tweet in tweets:
        first.setdefault(" ".join(re.findall(r"[ء-ي]+", MARKS.sub(" ", tweet.text))), tweet)
    return list(first.values())


def _templates(source: Lexicon) -> list[str]:
    return [*source.replies, *source.closers, *chain.from_iterable(source.clauses.values())]


def _slots(template: str) -> list[str]:
    return re.findall(r"\$([a-z_]+)", template)


def _unfilled(source: Lexicon, words_of: list[Lexicon]) -> set[str]:
    names = {name for lexicon_ in words_of for name in lexicon_.words}
    return {template for template in [*_templates(source), "$but"] if set(_slots(template)) - names}


@pytest.mark.parametrize(
    ("template", "filled"),
    [("رحت ل$place اليوم", "رحت للسوق اليوم"), ("رحت $place", "رحت السوق"), ("ل$name", "لسعاد")],
)
def test_an_article_after_the_preposition_li_is_written_as_one_word_with_it(template, filled):
    words = Lexicon(words={"place": ["السوق"], "name": ["سعاد"]})
    assert fill(template, [words], random.Random(0)) == filled
