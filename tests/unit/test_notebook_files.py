"""The notebooks as they are committed; tests/end_to_end/test_notebooks.py runs them."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_light_and_uses_what_is_public(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert cells[0]["cell_type"] == "markdown"
    assert all((cell["outputs"], cell["execution_count"]) == ([], None) for cell in code)
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in code))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = [f"{node.module}.{alias.name}" for node in imported for alias in node.names]
    assert any(name.startswith("adc.") for name in names)
    private = [name for name in names if name.startswith("adc") and "._" in name]
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names = [node.attr for node in attributes]
    assert private + [name for name in names if name.startswith("_") and name != "__init__"] == []
    # What is drawn by all dialects lacks a label set of the user's own.
    of_all = {
        node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "DIALECTS"
    }
    assert of_all <= {"restricted_to"}


def test_all_three_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_explore", "02_lstm_vs_gru", "03_errors"]
