"""What `import adc` and the command `adc` offer to those who have neither Spark nor TensorFlow."""

import doctest
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types
import urllib.request
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import adc
from adc.cli import LINES_AT_ONCE, main
from adc.errors import UsageError
from adc.model.bundle import Bundle
from adc.settings import describe
from adc.tables import PREDICTIONS

TEXTS = ["عايز كده يا باشا", "واش بزاف دابا؟ 😂", "12345", "عايز كده يا باشا"]
EXTRAS = ("pyspark", "delta", "tensorflow", "keras", "horovod", "requests", "sklearn", "jinja2")


@pytest.fixture(scope="session")
def bundle_folder(tiny_bundle, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_bundle.save(folder)
    return folder


def typed(monkeypatch, content: bytes) -> None:
    """Standard input as the system gives it, under whatever encoding."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))


def test_a_bundle_that_takes_anothers_place_is_read_anew(tiny_bundle, tmp_path):
    for name in ("one", "another"):
        bundle = replace(tiny_bundle, name=name)
        bundle.save(tmp_path / name)
        shutil.rmtree(tmp_path / "bundle", ignore_errors=True)
        (tmp_path / name).rename(tmp_path / "bundle")
        assert adc.classify(["عايز كده"], tmp_path / "bundle")["model"].tolist() == [bundle.model]


def test_the_package_offers_functions():
    assert adc.__all__ == ["classify", "clean", "load_bundle"]
    assert all(isinstance(getattr(adc, name), types.FunctionType) for name in ("classify", "clean"))
    assert doctest.testmod(adc) == doctest.TestResults(failed=0, attempted=2)


def test_clean_is_light_unless_told_otherwise():
    assert adc.clean("@a كيفك؟ 😂\nتمام") == "كيفك؟ 😂 تمام"
    assert adc.clean("@a كيفك؟ 😂\nتمام", "model") == "<user> كيفك ؟ 😂 <nl> تمام"


def test_load_bundle_gives_a_bundle(tiny_bundle, bundle_folder):
    assert isinstance(adc.load_bundle(bundle_folder), Bundle)
    assert adc.load_bundle(str(bundle_folder)).model == tiny_bundle.model


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


def test_classify_takes_any_iterable_and_folders(tiny_bundle, bundle_folder):
    columns = [name for name in PREDICTIONS.columns if name != "scored_at"]
    expected = adc.classify(TEXTS, tiny_bundle)[columns]
    pd.testing.assert_frame_equal(adc.classify(iter(TEXTS), bundle_folder)[columns], expected)
    pd.testing.assert_frame_equal(adc.classify(pd.Series(TEXTS), str(bundle_folder))[columns], expected)


def test_classify_of_nothing_and_of_half_an_emoji(tiny_bundle):
    none, found = adc.classify([], tiny_bundle), adc.classify(TEXTS, tiny_bundle)
    assert len(none) == 0
    pd.testing.assert_series_equal(none.dtypes, found.dtypes)
    assert adc.classify(["عايز كده \ud83d"], tiny_bundle)["note"].tolist() == [None]


def test_classify_follows_the_settings(monkeypatch, bundle_folder, tiny_bundle):
    monkeypatch.setenv("ADC_SCORE__BUNDLE", str(bundle_folder))
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


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["واش", 5], "number 2 is int, not str"),
        ([b"x"], "number 1 is bytes, not str"),
        ([["واش"]], "number 1 is list, not str"),
        ({"a": "واش"}, r"classify\(\[text\]\)"),
        (None, r"classify\(\[text\]\)"),
    ],
)
def test_what_is_no_text_is_said(texts, said, tiny_bundle):
    with pytest.raises(UsageError, match=said):
        adc.classify(texts, tiny_bundle)


def test_clean_takes_a_gap_and_nothing_else_that_is_no_text():
    assert pd.Series(["واش ", None, float("nan")]).map(adc.clean).tolist() == ["واش", "", ""]
    assert adc.clean(pd.NA) == ""
    with pytest.raises(UsageError, match=r"table\['text'\]\.map\(clean\)\), and this is list, not str"):
        adc.clean(["واش"])


def test_classify_says_what_it_lacks(tmp_path):
    with pytest.raises(UsageError, match=r"nope is not a bundle: it has no manifest\.json"):
        adc.classify(TEXTS, tmp_path / "nope")
    with pytest.raises(UsageError, match=r"classify takes a list of texts: classify\(\[text\]\)"):
        adc.classify("عايز كده")
    with pytest.raises(UsageError, match=r"classify takes a list of texts: classify\(\[text\]\)"):
        adc.classify("عايز كده".encode())
    with pytest.raises(UsageError, match="classify takes a column of texts, not a table"):
        adc.classify(pd.DataFrame({"text": TEXTS}))
    with pytest.raises(UsageError, match="is not a bundle"):
        adc.classify(TEXTS, "")


def test_clean_on_arguments(capsys):
    assert main(["clean", "@a كيفك؟", "", "half \udcff a byte https://t.co/a"]) == 0
    assert capsys.readouterr().out == "كيفك؟\n\nhalf \ufffd a byte\n"


def test_output_is_utf_8_whatever_the_locale():
    told = subprocess.run(
        [Path(sys.executable).with_name("adc"), "clean", "الجوّ"],
        env=os.environ | {"PYTHONIOENCODING": "iso-8859-9"},
        capture_output=True,
        check=True,
    )
    assert told.stdout.decode("utf-8") == "الجو\n"


def test_clean_on_lines_of_standard_input(monkeypatch, capsys):
    lines = ["@a كيفك؟", "", "تمااااام\r"] + [f"سطر {number}" for number in range(LINES_AT_ONCE)]
    typed(monkeypatch, "\n".join(lines).encode() + b"\nhalf \xff a byte")
    assert main(["clean", "--profile", "model"]) == 0
    cleaned = capsys.readouterr().out.split("\n")
    assert cleaned[:3] == ["<user> كيفك ؟", "", "تماام"]
    assert cleaned[3:] == ["سطر <num>"] * LINES_AT_ONCE + ["half \ufffd a byte", ""]


@pytest.mark.parametrize("encoding", ["cp1256", "utf-16"])
def test_standard_input_of_another_encoding_is_refused(encoding, monkeypatch, capsys):
    typed(monkeypatch, ("شلونك شخبارك\n" * 3).encode(encoding))
    assert main(["clean"]) == 2
    assert "standard input is not UTF-8" in capsys.readouterr().err


def test_a_torn_letter_among_the_first_lines_is_no_other_encoding(monkeypatch, capsys):
    typed(monkeypatch, "كيفك\n\nhalf ".encode() + b"\xff a byte\n" + "تمام\n".encode())
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "كيفك\n\nhalf \ufffd a byte\nتمام\n"


def test_a_byte_order_mark_is_no_part_of_the_first_line(monkeypatch, capsys):
    typed(monkeypatch, "\ufeffكيفك\n".encode())
    main(["clean"])
    assert capsys.readouterr().out == "كيفك\n"


def test_a_line_of_a_file_is_classified_as_the_text_alone(tiny_bundle):
    lines = adc.classify([f"\r\n{TEXTS[0]}\n", TEXTS[0]], tiny_bundle)
    assert lines["confidence"].nunique() == 1


def test_arguments_are_enough_where_there_is_no_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["clean", "كيفك"]) == 0
    assert capsys.readouterr().out == "كيفك\n"
    assert main(["clean"]) == 2
    assert capsys.readouterr().err == "adc: there is no standard input; give a text\n"


def test_classify_in_a_line_a_text(bundle_folder, tiny_bundle, monkeypatch, capsys):
    typed(monkeypatch, "\n".join(TEXTS).encode())
    assert main(["classify", "--bundle", str(bundle_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = adc.classify(TEXTS[:1], tiny_bundle).to_dict(orient="records")[0]
    likely = ", ".join(f"{entry['dialect']} {entry['probability']:.2f}" for entry in first["top_k"])
    assert lines[0] == f"{first['dialect']}\t{first['region']} {first['region_confidence']:.2f}\t{likely}"
    assert lines[2] == "no_arabic\t\t"
    assert (len(lines), lines[3]) == (4, lines[0])


def test_classify_as_json_lines(bundle_folder, tiny_bundle, monkeypatch, capsys):
    texts = TEXTS + ["كلمة"] * LINES_AT_ONCE
    typed(monkeypatch, "\n".join(texts).encode())
    assert main(["classify", "--json", "--bundle", str(bundle_folder)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(texts)
    assert all(list(row) == list(PREDICTIONS.columns) for row in rows)
    expected = adc.classify(TEXTS, tiny_bundle)
    assert [row["dialect"] for row in rows[:4]] == expected["dialect"].tolist()
    assert [row["id"] for row in rows[:4]] == expected["id"].tolist()
    assert rows[2]["top_k"] is rows[2]["confidence"] is rows[2]["created_at"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify", "--bundle", "/nope", "كيفك"], "/nope is not a bundle: it has no manifest.json"),
        (["clean", "--profile", "nope", "كيفك"], "clean.profile=nope: neither model nor light, nor a file"),
        (["sample-corpus", "/nope/corpus.csv"], "cannot write the sample corpus to /nope/corpus.csv"),
        (["lookup-server", "--corpus", "/nope.csv"], "/nope.csv cannot be read"),
        (["lookup-server", "--corpus", "/nope.csv", "--cut-rate", "2"], "cut_rate is 2.0"),
    ],
)
def test_what_is_wrong_exits_with_2_and_one_message(arguments, message, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"adc: {message}")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["clean", "--nonsense"], ["sample-corpus"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert "usage: adc" in capsys.readouterr().err


def test_settings_lists_every_setting_with_default_and_meaning(capsys):
    assert main(["settings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for key, default, meaning in describe():
        place = lines.index(f"{key} = {'null' if default is None else default}")
        assert lines[place + 1] == f"    {meaning}"
    assert (
        lines[-1] == "Set by --set key=value, by ADC_SECTION__NAME in the environment, or in a file (--env)."
    )


def test_sample_corpus_writes_a_file(tmp_path, capsys):
    target = tmp_path / "corpus.csv"
    assert main(["sample-corpus", str(target), "--rows", "40", "--seed", "3"]) == 0
    assert capsys.readouterr().out == f"40 tweets written to {target}\n"
    assert target.read_text(encoding="utf-8").startswith("id,dialect,text")


COMMAND = "import sys; from adc.cli import main; sys.exit(main())"


def start(code: str, *arguments: str, stdin=subprocess.PIPE) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where the tests run in a shell's background Ctrl-C is ignored, and would be here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_nothing_but_the_core_is_needed(bundle_folder):
    """In a process where the packages of the extras cannot be imported."""
    code = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r})); import adc; {COMMAND}"
    with (
        start(code, "classify", "--bundle", str(bundle_folder)) as classifying,
        start(code, "clean") as cleaning,
    ):
        classified = classifying.communicate("عايز كده\n".encode(), timeout=60)
        cleaned = cleaning.communicate("@a كيفك؟\n".encode(), timeout=60)
    assert (classifying.returncode, classified[0].count(b"\t"), classified[1]) == (0, 2, b"")
    assert (cleaning.returncode, cleaned[0].decode(), cleaned[1]) == (0, "كيفك؟\n", b"")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    (tmp_path / "lines").write_text("كيفك\n" * 100_000, encoding="utf-8")
    with (tmp_path / "lines").open("rb") as lines, start(COMMAND, "clean", stdin=lines) as cleaning:
        assert cleaning.stdout and cleaning.stderr
        assert cleaning.stdout.readline().decode() == "كيفك\n"
        cleaning.stdout.close()
        assert (cleaning.wait(timeout=60), cleaning.stderr.read()) == (0, b"")


def test_output_that_cannot_be_written_is_told_unless_nobody_reads_it():
    def run(stdout: int) -> tuple[int, bytes]:
        # A short output is written at the end only, unless the shell says otherwise.
        environ = os.environ | {"PYTHONUNBUFFERED": ""}
        command = [sys.executable, "-c", COMMAND, "clean", "كيفك"]
        told = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environ, timeout=60)
        os.close(stdout)
        return told.returncode, told.stderr

    read_end, write_end = os.pipe()
    os.close(read_end)
    assert run(write_end) == (0, b"")
    full = os.open("/dev/full", os.O_WRONLY)
    assert run(full) == (1, b"adc: [Errno 28] No space left on device\n")


def test_the_lookup_server_serves_until_it_is_interrupted(tmp_path):
    corpus = tmp_path / "corpus.csv"
    corpus.write_text("tweet,body\n7,كيفك\n", encoding="utf-8")
    options = ("--corpus", str(corpus), "--id", "tweet", "--text", "body", "--port", "0", "--token", "t")
    with start(COMMAND, "lookup-server", *options) as serving:
        assert serving.stdout
        said = serving.stdout.readline().decode()
        address = re.fullmatch(r"serving 1 texts at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", said)
        assert address
        headers = {"Authorization": "Bearer t"}
        request = urllib.request.Request(address[1], b'["7", "8"]', headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"7": "كيفك"}
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=10) == 130
