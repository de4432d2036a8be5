"""The notebooks run from top to bottom on a lake of the sample corpus, as a researcher runs them.

Outside the Gulf its labels are of a set of one's own, and like HTML.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from adc.dialects import DIALECTS
from adc.model.bundle import MANIFEST, load_bundle
from adc.samples import SampleTweet
from tests.end_to_end.submit import QUICK, ROOT, Submitter

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture(scope="module")
def lake(submit: Submitter, corpus_file: Path) -> Path:
    """Cleaned, trained on and scored."""
    bundle = str(submit.lake / "models" / "tiny")
    labels = submit.lake.parent / "labels.csv"
    own = [code for code in DIALECTS.codes if DIALECTS.region_of[code] != "Gulf"]
    labels.write_text("".join(f"{code},<{code}>\n" for code in own), encoding="utf-8")
    quick = ("--set", "train.epochs=2", "--set", "train.batch_size=32", "--set", "train.num_proc=1")
    for job in (
        ("clean", "--input", str(corpus_file), "--set", f"input.labels={labels}"),
        ("train", "--bundle", bundle, "--set", "train.name=tiny", *quick),
        ("score", "--bundle", bundle),
    ):
        run = submit(*job)
        assert run.status == 0, run.output
    return submit.lake


def executed(name: str) -> list[nbformat.NotebookNode]:
    """The code cells after a run; a cell that fails raises with its traceback."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(path.parent)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[nbformat.NotebookNode]) -> str:
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    told = "".join(str(output.get("data", {}).get("text/html", output.get("text", ""))) for output in outputs)
    assert re.findall("<[A-Z]{2}>", told) == []
    return told


@pytest.fixture(autouse=True)
def environment(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"NOTEBOOK_EPOCHS": "1", "NOTEBOOK_BATCH": "32"}
    for name, value in {"ADC_LAKE__ROOT": str(lake), "PYTHONPATH": str(ROOT), **small, **QUICK}.items():
        monkeypatch.setenv(name, value)


def test_the_corpus_is_explored() -> None:
    told = shown(executed("01_explore"))

    assert "clean tweets" in told
    assert "quarantined" in told
    assert [code for code in ("&lt;EG&gt;", "AE") if f"<th>{code}</th>" not in told] == []


def test_a_corpus_without_labels_is_explored(
    corpus: list[SampleTweet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(" ".join(tweet.text.split()) for tweet in corpus), encoding="utf-8")
    run = Submitter(tmp_path / "lake")("clean", "--input", str(texts))
    assert run.status == 0, run.output
    monkeypatch.setenv("ADC_LAKE__ROOT", str(tmp_path / "lake"))

    assert "clean tweets" in shown(executed("01_explore"))


def test_errors_are_looked_into(lake: Path) -> None:
    old, stray = lake / "models" / "old", lake / "models" / "stray"
    stray.mkdir()
    old.mkdir()
    (old / MANIFEST).write_text('{"format": 1}', encoding="utf-8")

    told = shown(executed("03_errors"))

    assert f"left out: bundle {old}: it has format 1" in told
    assert f"left out: {stray} is not a bundle" in told
    assert "tiny@" in told
    assert "answered <b>&lt;" in told


def test_cells_are_compared_on_equal_budgets(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a Jupyter that was started without the environment.
    folders = os.environ["PATH"].split(":")
    monkeypatch.setenv("PATH", ":".join(each for each in folders if each != f"{sys.prefix}/bin"))

    # One of the same name, of other settings, as an earlier run of other tweets or code would leave it.
    shutil.copytree(lake / "models" / "tiny", lake / "models" / "cell-lstm-1-32")

    told = shown(executed("02_lstm_vs_gru"))

    assert [cell for cell in ("lstm", "gru", "rnn", "none") if f">{cell}</th>" not in told] == []
    assert ">lstm − gru</th>" in told
    assert load_bundle(lake / "models" / "cell-lstm-1-32").network.cell == "lstm"
    assert {path.name for path in (lake / "models").iterdir()} >= {
        f"cell-{cell}-1-32" for cell in ("lstm", "gru")
    }
