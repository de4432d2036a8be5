"""The command adc, and that it needs neither Spark nor TensorFlow."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import adc
from adc.cli import main
from adc.settings import describe
from adc.tables import PREDICTIONS

TEXTS = ["عايز كده يا باشا", "واش بزاف دابا؟ 😂", "12345", "عايز كده يا باشا"]
EXTRAS = ("pyspark", "delta", "tensorflow", "keras", "horovod", "requests", "sklearn", "jinja2")


def typed(monkeypatch, content: bytes) -> None:
    """Standard input as the system gives it, under whatever encoding."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))


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
    monkeypatch.setattr("adc.cli.BYTES_AT_ONCE", 7)
    lines = ["@a كيفك؟", "", "تمااااام\r", *(f"سطر {number}" for number in range(20))]
    typed(monkeypatch, "\n".join(lines).encode() + b"\nhalf \xff a byte")
    assert main(["clean", "--profile", "model"]) == 0
    cleaned = capsys.readouterr().out.split("\n")
    assert cleaned[:3] == ["<user> كيفك ؟", "", "تماام"]
    assert cleaned[3:] == ["سطر <num>"] * 20 + ["half \ufffd a byte", ""]


def test_who_writes_a_line_is_answered_before_the_next():
    with start(COMMAND, "clean") as cleaning:
        assert cleaning.stdin and cleaning.stdout
        for line in ("كيفك", "شلونك"):
            cleaning.stdin.write(f"{line}\n".encode())
            cleaning.stdin.flush()
            assert cleaning.stdout.readline().decode() == f"{line}\n"


@pytest.mark.parametrize("encoding", ["cp1256", "utf-16"])
def test_standard_input_of_another_encoding_is_refused(encoding, monkeypatch, capsys):
    typed(monkeypatch, ("شلونك شخبارك\n" * 3).encode(encoding))
    assert main(["clean"]) == 2
    assert "standard input is not UTF-8" in capsys.readouterr().err


def test_standard_input_whose_encoding_shows_later_is_refused_then():
    with start(COMMAND, "clean") as cleaning:
        assert cleaning.stdin and cleaning.stdout and cleaning.stderr
        cleaning.stdin.write(b"text\n")
        cleaning.stdin.flush()
        assert cleaning.stdout.readline() == b"text\n"
        cleaning.stdin.write(("شلونك شخبارك\n" * 3).encode("cp1256"))
        cleaning.stdin.close()
        assert (cleaning.wait(timeout=60), b"is not UTF-8" in cleaning.stderr.read()) == (2, True)


def test_a_torn_letter_among_the_first_lines_is_no_other_encoding(monkeypatch, capsys):
    typed(monkeypatch, "كيفك\n\nhalf ".encode() + b"\xff a byte\n" + "تمام\n".encode())
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "كيفك\n\nhalf \ufffd a byte\nتمام\n"


def test_a_byte_order_mark_is_no_part_of_the_first_line(monkeypatch, capsys):
    typed(monkeypatch, "\ufeffكيفك\n".encode())
    main(["clean"])
    assert capsys.readouterr().out == "كيفك\n"


def test_arguments_are_enough_where_there_is_no_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["clean", "كيفك"]) == 0
    assert capsys.readouterr().out == "كيفك\n"
    assert main(["clean"]) == 2
    assert capsys.readouterr().err == "adc: there is no standard input; give a text\n"


def test_classify_in_a_line_a_text(bundle_path, tiny_bundle, monkeypatch, capsys):
    typed(monkeypatch, "\n".join(TEXTS).encode())
    assert main(["classify", "--bundle", bundle_path]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = adc.classify(TEXTS[:1], tiny_bundle).to_dict(orient="records")[0]
    likely = ", ".join(f"{entry['dialect']} {entry['probability']:.2f}" for entry in first["top_k"])
    assert lines[0] == f"{first['dialect']}\t{first['region']} {first['region_confidence']:.2f}\t{likely}"
    assert lines[2] == "no_arabic\t\t"
    assert (len(lines), lines[3]) == (4, lines[0])


def test_classify_as_json_lines(bundle_path, tiny_bundle, monkeypatch, capsys):
    texts = TEXTS + ["كلمة"] * 1000
    typed(monkeypatch, "\n".join(texts).encode())
    assert main(["classify", "--json", "--bundle", bundle_path]) == 0
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
        (["classify", "--bundle", "/nope", "كيفك"], "bundle /nope does not exist"),
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


def test_nothing_but_the_core_is_needed(bundle_path):
    """In a process where the packages of the extras cannot be imported."""
    code = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r})); import adc; {COMMAND}"
    with (
        start(code, "classify", "--bundle", bundle_path) as classifying,
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
