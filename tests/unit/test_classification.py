"""What `import adc` offers: classify, clean and load_bundle."""

import doctest
import hashlib
import shutil
import types
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import adc
from adc.errors import UsageError
from adc.model.bundle import Bundle
from adc.tables import PREDICTIONS

TEXTS = ["عايز كده يا باشا", "واش بزاف دابا؟ 😂", "12345", "عايز كده يا باشا"]


def test_the_package_offers_functions():
    assert adc.__all__ == ["classify", "clean", "load_bundle"]
    assert all(isinstance(getattr(adc, name), types.FunctionType) for name in ("classify", "clean"))
    assert doctest.testmod(adc) == doctest.TestResults(failed=0, attempted=2)


def test_clean_is_light_unless_told_otherwise():
    assert adc.clean("@a كيفك؟ 😂\nتمام") == "كيفك؟ 😂 تمام"
    assert adc.clean("@a كيفك؟ 😂\nتمام", "model") == "<user> كيفك ؟ 😂 <nl> تمام"


def test_load_bundle_gives_a_bundle(tiny_bundle, bundle_path):
    assert isinstance(adc.load_bundle(Path(bundle_path)), Bundle)
    assert adc.load_bundle(bundle_path).model == tiny_bundle.model


def test_classify_gives_a_row_a_text_with_the_columns_of_predictions(tiny_bundle):
    found = adc.classify(TEXTS, tiny_bundle)
    assert list(found.columns) == list(PREDICTIONS.columns)
    assert len(found) == len(TEXTS)
    assert found["id"].tolist() == [
        f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:32]}" for text in TEXTS
    ]
    assert found["note"].tolist() == [None, None, "no_arabic", None]
    assert found["dialect"].isin(tiny_bundle.labels).tolist() == [True, True, False, True]
    assert set(found["model"]) == {tiny_bundle.model}
    assert set(found["source"]) == {"classify"}
    assert found["created_at"].isna().all()
    assert (pd.Timestamp.now("UTC") - found["scored_at"]).between("0 s", "60 s").all()
    not_null = [name for name, kind in PREDICTIONS.columns.items() if "NOT NULL" in kind]
    assert found[not_null].notna().all(axis=None)


def test_classify_takes_any_iterable_and_folders(tiny_bundle, bundle_path):
    columns = [name for name in PREDICTIONS.columns if name != "scored_at"]
    expected = adc.classify(TEXTS, tiny_bundle)[columns]
    pd.testing.assert_frame_equal(adc.classify(iter(TEXTS), Path(bundle_path))[columns], expected)
    pd.testing.assert_frame_equal(adc.classify(pd.Series(TEXTS), bundle_path)[columns], expected)


def test_a_bundle_that_takes_anothers_place_is_read_anew(tiny_bundle, tmp_path):
    for name in ("one", "another"):
        bundle = replace(tiny_bundle, name=name)
        bundle.save(tmp_path / name)
        shutil.rmtree(tmp_path / "bundle", ignore_errors=True)
        (tmp_path / name).rename(tmp_path / "bundle")
        assert adc.classify(["عايز كده"], tmp_path / "bundle")["model"].tolist() == [bundle.model]


def test_classify_of_nothing_and_of_half_an_emoji(tiny_bundle):
    none, found = adc.classify([], tiny_bundle), adc.classify(TEXTS, tiny_bundle)
    assert len(none) == 0
    pd.testing.assert_series_equal(none.dtypes, found.dtypes)
    assert adc.classify(["عايز كده \ud83d"], tiny_bundle)["note"].tolist() == [None]


def test_classify_follows_the_settings(monkeypatch, bundle_path, tiny_bundle):
    monkeypatch.setenv("ADC_SCORE__BUNDLE", bundle_path)
    monkeypatch.setenv("ADC_SCORE__ABSTAIN_BELOW", "1")
    monkeypatch.setenv("ADC_SCORE__TOP_K", "1")
    row = adc.classify(["عايز كده"]).to_dict(orient="records")[0]
    assert (row["dialect"], row["note"], len(row["top_k"])) == (None, "low_confidence", 1)
    assert row["model"] == tiny_bundle.model
    other = replace(tiny_bundle, name="other")
    assert adc.classify(["عايز كده"], other)["model"].tolist() == [other.model]


def test_a_gap_in_a_column_is_an_empty_text(tiny_bundle):
    column = pd.Series(["عايز كده", None, float("nan")])
    for texts in (column, column.astype("string")):
        found = adc.classify(texts, tiny_bundle)
        assert found["note"].tolist() == [None, "no_arabic", "no_arabic"]


def test_a_series_keeps_its_index(tiny_bundle):
    table = pd.DataFrame({"text": ["hello", *TEXTS[:2]]}, index=[3, 7, 7])
    kept = table[table["text"] != "hello"]
    found = adc.classify(kept["text"], tiny_bundle)
    assert found.index.tolist() == [7, 7]
    assert found["dialect"].tolist() == adc.classify(TEXTS[:2], tiny_bundle)["dialect"].tolist()


def test_a_line_of_a_file_is_classified_as_the_text_alone(tiny_bundle):
    lines = adc.classify([f"\r\n{TEXTS[0]}\n", TEXTS[0]], tiny_bundle)
    assert lines["confidence"].nunique() == 1


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["واش", 5], "number 2 is int, not str"),
        ([b"x"], "number 1 is bytes, not str"),
        ([["واش"]], "number 1 is list, not str"),
        ("واش", r"classify takes a list of texts: classify\(\[text\]\)"),
        ("واش".encode(), r"classify takes a list of texts: classify\(\[text\]\)"),
        ({"a": "واش"}, r"classify takes a list of texts: classify\(\[text\]\)"),
        (None, r"classify takes a list of texts: classify\(\[text\]\)"),
        (pd.DataFrame({"text": TEXTS}), "classify takes a column of texts, not a table"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_text_is_said(texts, said, tiny_bundle):
    with pytest.raises(UsageError, match=said):
        adc.classify(texts, tiny_bundle)


def test_clean_takes_a_gap_and_nothing_else_that_is_no_text():
    assert pd.Series(["واش ", None, float("nan")]).map(adc.clean).tolist() == ["واش", "", ""]
    assert adc.clean(pd.NA) == ""
    with pytest.raises(UsageError, match=r"table\['text'\]\.map\(clean\)\), and this is list, not str"):
        adc.clean(["واش"])


@pytest.mark.parametrize(
    ("name", "said"),
    [("nope", "bundle .*nope does not exist"), ("", r" is not a bundle: it has no manifest\.json")],
)
def test_a_folder_that_is_no_bundle_is_named(name, said):
    with pytest.raises(UsageError, match=said):
        adc.classify(TEXTS, name)
