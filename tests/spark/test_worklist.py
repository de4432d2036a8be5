import pytest

from adc.scraping.worklist import ROUNDED, WRITTEN_ROUNDED, check_ids, plan
from tests.spark.contents import raw_rows, rows

pytestmark = pytest.mark.spark


@pytest.fixture
def listed(spark):
    """(id, dialect) rows as a list of ids gives them."""
    return lambda *pairs: spark.createDataFrame(list(pairs), "id STRING, dialect STRING")


def test_an_id_is_what_the_api_writes(listed):
    usable = {"1", "1175358310087892993", str(2**63 - 1)}
    refused = {"0", "007", "-1", "+1", "1.0", "1.2e18", "1.2E+18", str(2**63), "1" * 20}
    refused |= {"", " 1", "1 2", "1\n", "١٢", "abc", "sha256:1"}
    checked = check_ids(listed((None, None), *((tweet_id, None) for tweet_id in usable | refused)))
    assert rows(checked, "id", "id_num", "reason") == sorted(
        [(tweet_id, int(tweet_id), None) for tweet_id in usable]
        + [(tweet_id, None, "invalid_id") for tweet_id in refused]
    )


def test_an_id_is_listed_once_with_the_label_that_its_rows_agree_on(listed):
    pairs = [
        ("1", "EG"), ("1", None), ("1", "EG"),
        ("2", None), ("2", None),
        ("3", "SA"), ("3", "EG"),
        (None, "EG"), ("", None), ("x", "SA"), ("x", "EG"),
    ]  # fmt: skip
    checked = check_ids(listed(*pairs))
    assert rows(checked, "id", "dialect", "occurrences", "labels", "reason") == [
        ("", "EG", 2, ["EG"], "invalid_id"),
        ("1", "EG", 3, ["EG"], None),
        ("2", None, 2, [], None),
        ("3", None, 2, ["EG", "SA"], "two_labels"),
        ("x", None, 2, ["EG", "SA"], "invalid_id"),
    ]


@pytest.mark.parametrize("codegen", ["NO_CODEGEN", "FALLBACK"])
def test_ids_that_look_rounded_beside_some_of_any_length(listed, spark, codegen):
    long = "https://twitter.com/someuser/status/1086901149947567115"
    ids = ("1175358310087892993", "1175358310087893000", "1175358310087892000", "12", long, "9" * 400, "")
    before = spark.conf.get("spark.sql.codegen.factoryMode")
    spark.conf.set("spark.sql.codegen.factoryMode", codegen)
    try:
        looks = check_ids(listed(*((tweet_id, None) for tweet_id in ids))).where(ROUNDED)
        assert rows(looks, "id") == [("1175358310087892000",), ("1175358310087893000",)]
    finally:
        spark.conf.set("spark.sql.codegen.factoryMode", before)


def test_ids_that_are_numbers_look_rounded(listed):
    numbers = ("1.17536E+18", "1,17536E+18", "1.2e18", "1175358310087892993.0", "1175358310087892993,00")
    others = ("1175358310087892993", "1.5", "12.0", "x", "")
    checked = check_ids(listed(*((tweet_id, None) for tweet_id in numbers + others)))
    looks = checked.where(WRITTEN_ROUNDED)
    assert rows(looks, "id", "reason") == [(number, "invalid_id") for number in sorted(numbers)]


KNOWN = (
    {"id": "1", "text": "a"},
    {"id": "2", "text": "b", "dialect": "EG"},
    {"id": "3", "status": "missing"},
    {"id": "4", "status": "failed", "dialect": "EG"},
    {"id": "5", "status": "missing", "dialect": "EG"},
)


@pytest.mark.parametrize(
    ("retry", "asked"),
    [
        ((), ["6", "7", "8"]),
        (("missing",), ["3", "5", "6", "7", "8"]),
        (("failed",), ["4", "6", "7", "8"]),
        (("missing", "failed"), ["3", "4", "5", "6", "7", "8"]),
    ],
)
def test_what_is_asked_relabelled_and_in_conflict(lake, listed, retry, asked):
    given = [
        ("1", "SA"), ("2", "EG"), ("3", "MA"), ("4", "SA"), ("5", None),  # known
        ("6", "EG"), ("7", None), ("8", "EG"), ("8", "SA"), ("x", "EG"),
    ]  # fmt: skip
    work = plan(listed(*given), raw_rows(lake, *KNOWN), retry)
    assert rows(work.to_ask, "id") == [(tweet_id,) for tweet_id in asked]
    assert rows(work.to_ask.where("id > 5"), "id", "id_num", "dialect") == [
        ("6", 6, "EG"),
        ("7", 7, None),
        ("8", 8, None),
    ]
    assert rows(work.relabel, "id", "id_num", "dialect") == [("1", 1, "SA"), ("3", 3, "MA")]
    assert rows(work.agreed, "id") == [(tweet_id,) for tweet_id in ("1", "2", "3", "6")]
    assert rows(work.conflict, "id", "dialect", "known_dialect") == [("4", "SA", "EG")]
