"""What cleaning makes of rows: reasons, figures, hashes and splits."""

import hashlib
import re
import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adc.cleaning import load_profile
from adc.cleaning.rows import clean_rows, split_of, text_figures, text_hashes

MODEL = load_profile("model")
SAME = "والله الجو اليوم حلو"


def rows_of(texts, authors=None, splits=None, **columns) -> pa.RecordBatch:
    """Rows as an archive gives them."""
    nulls = [None] * len(texts)
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array([str(number) for number in range(len(texts))], pa.string()),
            "text": pa.array(texts, pa.string()),
            "author": pa.array(authors or nulls, pa.string()),
            "split": pa.array(splits or nulls, pa.string()),
        }
        | columns
    )


def cleaned(texts, authors=None, splits=None, **columns) -> list[dict[str, object]]:
    rows = rows_of(texts, authors, splits, **columns)
    return clean_rows(rows, MODEL, min_words=2, min_arabic=0.5).to_pylist()


def hashes(texts: list[str]) -> list[str]:
    return text_hashes(pa.array(texts, pa.string()))


def test_a_row_with_all_that_cleaning_adds_and_all_that_it_had():
    row = cleaned(["@somebody كيفكم يا جماعه OK؟"], ["somebody"], dialect=pa.array(["LB"]))[0]
    assert row == {
        "id": "0",
        "author": "somebody",
        "dialect": "LB",
        "text": "@somebody كيفكم يا جماعه OK؟",
        "clean": "<user> كيفكم يا جماعه ok ؟",
        "n_words": 3,
        "arabic_ratio": 12 / 14,
        "text_hash": hashes(["كيفكم يا جماعة ok"])[0],
        "split": row["split"],
        "profile_hash": MODEL.hash,
        "reason": None,
    }
    assert row["split"] in ("train", "val", "test")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("كيف حالك", None),
        ("😂 كيف حالك https://t.co/a 12", None),
        (None, "empty"),
        ("", "empty"),
        (" \n\t\u00a0", "empty"),
        ("\u200f\u200b", "no_arabic"),
        ("Good morning", "no_arabic"),
        ("@somebody https://t.co/a 😂 ؟!", "no_arabic"),
        ("٥ \u064e \u0640", "no_arabic"),
        ("كيفك", "too_short"),
        ("كيفك؟؟ @somebody 😂 https://t.co/abc", "too_short"),
        ("OK كيفك thanks", "too_short"),
        ("ok سلام good يا", None),
        ("سلام يا everybody out there", "not_arabic"),
        ("привет سلام يا товарищи", "not_arabic"),
    ],
)
def test_reasons_why_a_row_is_unusable(text, reason):
    row = cleaned([text])[0]
    assert row["reason"] == reason
    assert row["text"] == (text or "")


@pytest.mark.parametrize(
    ("clean", "words", "ratio"),
    [
        ("كيف حالك", 2, 1.0),
        ("كيف ok", 1, 0.6),
        ("كيفok حالك", 2, 7 / 9),
        ("<user> كيف <nl> حالك <url>", 2, 1.0),
        ("؟ ! 😂 5", 0, 0.0),
        ("<user> <url>", 0, 0.0),
        ("ok", 0, 0.0),
        ("", 0, 0.0),
        ("گچڤپ", 1, 1.0),
    ],
)
def test_words_and_share_of_arabic(clean, words, ratio):
    figures = text_figures(pa.array([clean]))
    assert [figure[0].as_py() for figure in figures] == [words, pytest.approx(ratio)]


CLEAN = st.text(st.sampled_from("بكمچە٥\u0640 \u00a0\t\n.aé<>url😂"), max_size=20) | st.sampled_from(
    ["ب<url>ب", "<nl>ب"]
)


@given(st.lists(CLEAN, max_size=6))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_figures_are_those_of_the_definition(texts):
    words, shares = (figure.to_pylist() for figure in text_figures(pa.array(texts, pa.string())))
    for text, number, share in zip(texts, words, shares, strict=True):
        bare = re.sub("<[a-z]+>", "", text)
        arabic = re.findall("[بكمچە]", bare)
        letters = [char for char in bare if unicodedata.category(char).startswith("L")]
        assert number == len([word for word in re.split("[ \t\n]", bare) if re.search("[بكمچە]", word)])
        assert share == pytest.approx(len(arabic) / max(1, len(letters)))


@pytest.mark.parametrize(
    "text",
    [
        f"{SAME} https://t.co/abc",
        f"@somebody @else {SAME}",
        f"RT @somebody: {SAME}",
        f"{SAME}\n\n😂😂 ❤️",
        f"#{SAME}!!",
        "وَاللهِ الجَوُّ اليَومَ حُلْوٌ",
        "والله الجـــو اليوم حلوووووو",
        "والله ألجو أليوم حلو",
        "والله_الجو_اليوم_حلو ٢٠٢٤",
        "ﻭﺍﻟﻠﻪ ﺍﻟﺠﻮ ﺍﻟﻴﻮﻡ ﺣﻠﻮ",
        f"\u200f{SAME}\u200c",
        f"{SAME} &amp;",
        f"<b>{SAME}</b> me@example.org",
    ],
)
def test_the_hash_ignores_links_handles_marks_and_spelling(text):
    assert hashes([text]) == hashes([SAME])


def test_the_hash_tells_texts_apart():
    texts = [SAME, "والله الجو اليوم", "والله الجو اليوم حلوه", "اليوم الجو والله حلو", "ok", "no", ""]
    assert len(set(hashes(texts))) == len(texts)
    assert all(len(text_hash) == 32 and int(text_hash, 16) >= 0 for text_hash in hashes(texts))
    assert hashes(["OK"]) == hashes(["ok"])


@pytest.mark.parametrize(
    ("text", "text_hash"),
    [
        (SAME, "d95317f355557e6f489972733ed360bf"),
        ("مصطفى على المستشفى", "44b83a3f82f2327a6d9e83deae3a9d8d"),
        ("جاء المسؤول والقائد مساء", "7778ade82d3227522f4ddaa7ac874dd1"),
        ("مدرسة كبيرة جدا", "b50b4429338665ad72dbf4b3f0e34856"),
        ("حلوووو كتييييير جددددا", "3363847e250bdf683cedab4f69e8fb96"),
        ("Salaam 3alaikom يا شباب", "b2b844d5ac966c32b06393b317964fda"),
        ("توم &amp; جيري 2024", "4cdca6dbdf8558141893ab524cc63755"),
        ("شوف youtube.com/watch?v=1 هسه", "ceec469020f84a4df21f58b6745d253c"),
        ("قال ﴿إن مع العسر يسرا﴾", "7d8381bb3462a397346537cb82bc01db"),
        ("وَاللَّهِ الجَوُّ حُلْوٌ", "32b19e3967cba21ddc71620101401d14"),
        ("مبروك 😂❤️👨‍👩‍👧", "c9ee7d7c805bd6357a5cae42d7b1e14f"),
        ("#صباح_الخير يا أحمد", "b0366e1356cebf081c3009f0e9e49542"),
        ("RT @user: چاي گلبي...", "b26dfbef0ce373c0805013d97bbd0224"),
    ],
)
def test_the_hash_is_the_same_for_good(text, text_hash):
    """Splits are made from it: were it to change, tests would leak into training."""
    assert hashes([text]) == [text_hash]


def test_an_authors_split_is_the_same_for_good():
    assert cleaned([SAME], ["somebody"])[0]["split"] == "train"


def test_splits_are_80_10_10_of_a_hundred():
    counts = Counter(split_of(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(4000))
    shares = {split: count / 4000 for split, count in counts.items()}
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.02)


@pytest.mark.parametrize(
    ("key", "split"),
    [
        ("00000000" + "f" * 24, "test"),
        ("19999999" + "0" * 24, "test"),
        ("1999999a" + "0" * 24, "val"),
        ("33333333" + "0" * 24, "val"),
        ("33333334" + "0" * 24, "train"),
        ("ffffffff" + "0" * 24, "train"),
    ],
)
def test_the_split_is_the_place_of_the_hash_among_all(key, split):
    assert split_of(key) == split


TEXTS = st.lists(st.sampled_from(["كيف", "حالك", "شلون", "@a", "ok", "😂", "\n"]), max_size=5).map(" ".join)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from([None, "", "a", "b"])), min_size=1, max_size=6)


@given(ROWS)
@settings(max_examples=30, derandomize=True, deadline=None)
def test_a_rows_result_depends_on_the_row_alone(rows):
    texts, authors = map(list, zip(*rows, strict=True))
    together = [row | {"id": ""} for row in cleaned(texts, authors)]
    alone = [cleaned([text], [author])[0] | {"id": ""} for text, author in rows]
    assert together == alone


@given(ROWS)
@settings(max_examples=30, derandomize=True, deadline=None)
def test_one_authors_tweets_and_equal_texts_without_author_share_a_split(rows):
    texts, authors = map(list, zip(*rows, strict=True))
    split_by_key: dict[object, set[object]] = {}
    for row in cleaned(texts, authors):
        split_by_key.setdefault(row["author"] or ("text", row["text_hash"]), set()).add(row["split"])
    assert all(len(splits) == 1 for splits in split_by_key.values())


def test_a_split_that_is_given_is_kept():
    given_splits = ["train", None, "val", "test"]
    rows = cleaned([SAME] * 4, ["a", "a", None, None], given_splits)
    made = cleaned([SAME], ["a"])[0]["split"]
    assert [row["split"] for row in rows] == ["train", made, "val", "test"]


def test_no_rows_stay_no_rows():
    empty = clean_rows(rows_of([]), MODEL, 2, 0.5)
    assert (empty.num_rows, empty.schema) == (0, clean_rows(rows_of([SAME]), MODEL, 2, 0.5).schema)


def test_columns_of_large_strings_as_spark_may_give_them():
    rows = rows_of([SAME, None])
    large = rows.set_column(1, "text", rows.column("text").cast(pa.large_string()))
    assert clean_rows(large, MODEL, 2, 0.5).equals(clean_rows(rows, MODEL, 2, 0.5))


def test_rows_are_measured_by_the_settings_given():
    rows = rows_of(["كيفك اليوم ok good", "كيفك"])
    strict = clean_rows(rows, MODEL, min_words=3, min_arabic=0.0).column("reason").to_pylist()
    lenient = clean_rows(rows, MODEL, min_words=1, min_arabic=0.9).column("reason").to_pylist()
    assert (strict, lenient) == (["too_short", "too_short"], ["not_arabic", None])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("این کتاب را برای من بخر", "not_arabic_language"),
        ("من به مدرسه می روم", "not_arabic_language"),
        ("آپ کا کیا حال ہے میں ٹھیک ہوں", "not_arabic_language"),
        ("من دەچمە ماڵەوە لەگەڵ هاوڕێکانم", "not_arabic_language"),
        ("البته که این کار درست نیست و برای من مهم است", "not_arabic_language"),
        ("آج میں نے کھانا کھایا اللہ کا شکر ہے", "not_arabic_language"),
        ("شگد احبچ گلبي", None),
        ("شلونکم یا جماعة الخیر", None),
        ("پلیز شوفوا هالڤيديو حلو كتير", None),
        # Arabic on a Persian keyboard, and decorated.
        ("هو فیه حد لسه بینشر علی حبال", None),
        ("ۆآذا آنتهى عمري آن آگۆن ذگرى جميلھ", None),
        # A word of Sorani and two foreign letters of 24, and of 25.
        ("لە یا ناس شو عملتو بكرا هون هلا", "not_arabic_language"),
        ("لە یا شباب شو عملتو بكرا هون هلا", None),
        ("تابعوني تابعوني تابعوني تابعوني تابعوني تابعوني تابعوني تابعوني", "repetitive"),
        ("تابعوني تابعوني تابعوني تابعوني تابعوني تابعوني تابعوني", None),
        # Three distinct words of ten, and four of thirteen.
        ("كتير حلو هالشي كتير حلو هالشي كتير حلو هالشي كتير", "repetitive"),
        ("كتير حلو هالشي هون كتير حلو هالشي هون كتير حلو هالشي هون كتير", None),
        ("مبروك يا غالي 😂 😂 😂 😂 😂 😂 😂 😂 😂 😂 😂 😂", None),
        ("لا لا لا مش هيك يا زلمة والله", None),
    ],
)
def test_other_languages_and_repetition_are_told(text, reason):
    assert cleaned([text])[0]["reason"] == reason
