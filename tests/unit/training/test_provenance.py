"""What tells whether a training would make the bundle that is there."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adc.training import provenance
from adc.training.provenance import CODE, code_digest, difference, training_digest

ADC = Path(provenance.__file__).parents[1]


@pytest.mark.parametrize(
    "changed", ["cleaning/rules.py", "model/stack.py", "training/rank.py", "cleaning/profiles/model.yaml"]
)
def test_other_code_or_data_has_another_digest(changed, tmp_path, monkeypatch):
    for package in CODE:
        shutil.copytree(ADC / package, tmp_path / package, ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr("adc.training.provenance.resources.files", lambda package: tmp_path)
    # A copy without what Python has compiled.
    before = code_digest()
    monkeypatch.undo()
    assert before == code_digest()
    monkeypatch.setattr("adc.training.provenance.resources.files", lambda package: tmp_path)
    with (tmp_path / changed).open("a") as file:
        file.write("# other\n")
    assert code_digest() != before


def test_from_a_zip_the_digest_is_the_same(tmp_path):
    archive = shutil.make_archive(str(tmp_path / "adc"), "zip", ADC.parent, "adc")
    code = "from adc.training import provenance as p; assert 'adc.zip' in p.__file__; print(p.code_digest())"
    environment = {"PYTHONPATH": archive}
    told = subprocess.run([sys.executable, "-c", code], cwd="/", env=environment, capture_output=True)
    assert told.stdout.decode().strip() == code_digest(), told.stderr.decode()


def test_a_training_is_known_by_its_code_a_bundle_by_what_it_holds(tiny_bundle):
    made = {"fingerprint": "a", "code": "1"}
    for key, what in (("code", "other code of adc"), ("fingerprint", "other settings or data")):
        assert difference(made, made | {key: "new"}) == what
        assert training_digest(made, "lake/a") != training_digest(made | {key: "new"}, "lake/a")
    assert difference(made, made | {"data": 7}) == ""
    # A bundle of the days before code was told apart.
    assert difference({"fingerprint": "a"}, made) == "other code of adc"
    one, other = (replace(tiny_bundle, made=made | {"code": code}) for code in "12")
    assert one.checksum == other.checksum != replace(one, made=made | {"fingerprint": "b"}).checksum
