import csv
import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adc.classification import classify
from adc.classified_csv import ADDED, LONGEST_FIELD, RECORDS_AT_ONCE, classified_csv
from adc.cli import main
from adc.errors import UsageError

TEXTS = ["عايز كده,\nيا باشا", 'واش "بزاف"\r\nدابا؟', "12345", "وش\rابغى", ""]


def written(name: str, columns: dict[str, list[str]], separator: str = ",") -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    content = file.getvalue().encode("utf-8-sig" if "bom" in name else "utf-8")
    return gzip.compress(content) if name.endswith(".gz") else content


@pytest.mark.parametrize(
    ("name", "separator"), [("a.csv", ","), ("bom.csv", ";"), ("a.tsv", "\t"), ("a.csv.gz", ",")]
)
def test_each_record_as_it_was_with_what_classify_says_of_its_text(
    name, separator, tmp_path, bundle_path, capsys
):
    own = {"tweet": TEXTS, "id": ["007", "1175358310087892993", "", "NA", "1.50"]}
    (tmp_path / name).write_bytes(written(name, own, separator))
    assert main(["classify", "--csv", str(tmp_path / name), "--text", "tweet", "--bundle", bundle_path]) == 0
    header, *records = csv.reader(io.StringIO(capsys.readouterr().out, newline=""), strict=True)
    assert header == ["tweet", "id", *ADDED]
    assert [record[:2] for record in records] == [list(record) for record in zip(*own.values(), strict=True)]
    expected = classify(TEXTS, bundle_path)
    assert [record[2] for record in records] == expected["dialect"].fillna("").tolist()
    first, confidence = records[0], expected["confidence"]
    assert (first[3], first[6].split()) == (f"{confidence[0]:.4f}", expected["plausible"][0])
    assert records[2][2:] == ["", "", "", "", "", "no_arabic"]


def test_more_records_than_are_read_at_once(tmp_path, bundle_path):
    path, number = tmp_path / "many.csv", RECORDS_AT_ONCE + 1
    path.write_bytes(written("many.csv", {"n": [*map(str, range(number))], "text": ["كده دابا"] * number}))
    records = list(classified_csv(path, bundle=bundle_path))
    assert [record[0] for record in records] == ["n", *map(str, range(number))]
    assert len({tuple(record[1:]) for record in records[1:]}) == 1


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ("text\nيا هلا, والله\n\nكده\n".encode(), ["يا هلا, والله", "كده"]),
        (' id , "text"\n1,كده\n'.encode(), ["1,كده"]),
        ("id,text\n1,كده\n".encode() * 60 + b"caf\xe9,\xc7\xe1\n", [*["1,كده", "id,text"] * 59, "1,كده", ""]),
    ],
)
def test_odd_files_are_read_as_the_jobs_read_them_and_no_byte_is_changed(
    content, records, tmp_path, bundle_path
):
    (tmp_path / "odd.csv").write_bytes(content)
    adc, given = Path(sys.executable).with_name("adc"), ("--csv", tmp_path / "odd.csv")
    told = subprocess.run([adc, "classify", *given, "--bundle", bundle_path], capture_output=True, check=True)
    lines = told.stdout.splitlines()[1:]
    assert len(lines) == len(records)
    assert all(record.encode() in line for line, record in zip(lines, records, strict=True))
    assert b"\xe9" not in content or lines[-1].startswith(b"caf\xe9,\xc7\xe1,")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,body\n1,كيفك\n", "has no column 'text'; its columns: id, body"),
        ("text,text\nكيفك,كيفك\n", "has two columns 'text'; its columns: text, text"),
        ("", "has no column 'text'; its columns: none"),
        ("text,adc_note\nكيفك,\n", "has columns that classify adds: adc_note; rename or drop them"),
        ("id,text\n1,كيفك\n\n2,كيفك, شلونك\n", ", line 4: 3 fields, where the header has 2"),
        ('id,text\n1,كيفك\n2,"كيفك\n3,شلونك\n', ", line 3: unexpected end of data"),
        ('text\n"' + (LONGEST_FIELD + 1) * "x", ", line 2: field larger than field limit"),
        ("id,text\n1,كيفك\n".encode("utf-16"), "is not UTF-8; convert it"),
    ],
)
def test_nothing_is_given_of_what_cannot_be_read(content, message, tmp_path, bundle_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as told:
        next(classified_csv(path, bundle=bundle_path))
    assert str(told.value).startswith(f"{path}{'' if message.startswith(',') else ' '}{message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "/nope.csv"], "adc: /nope.csv cannot be read: "),
        (["--csv", "/nope.csv", "--bundle", "/none"], "adc: bundle /none does not exist"),
        (["--csv", ""], "adc: --csv takes a file's name, and neither texts"),
        (["--csv", "/nope.csv", "--json"], "adc: --csv takes a file's name, and neither texts"),
        (["--csv", "/nope.csv", "كيفك"], "adc: --csv takes a file's name, and neither texts"),
        (["--text", "كيفك"], "adc: --text names a column of --csv FILE; a text stands by itself"),
    ],
)
def test_what_is_wrong_with_the_command_exits_with_2(arguments, message, capsys):
    assert main(["classify", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_pipe_is_refused(bundle_path):
    read_end, write_end = os.pipe()
    os.close(write_end)
    with pytest.raises(UsageError, match="is a pipe, which cannot be read twice: give a file"):
        next(classified_csv(f"/dev/fd/{read_end}", bundle=bundle_path))
    os.close(read_end)
