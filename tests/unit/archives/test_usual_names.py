"""The names under which columns are found without a setting, as users are told of them."""

from pathlib import Path

from adc.archives.columns import AUTHOR_NAMES, CREATED_NAMES, ID_NAMES, LABEL_NAMES, TEXT_NAMES
from adc.settings import describe

DOCUMENT = Path(__file__).parents[3] / "docs" / "archives.md"


def test_all_usual_names_are_documented_in_their_order() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    meanings = {key: meaning for key, _, meaning in describe()}
    for setting, names in {
        "id": ID_NAMES,
        "text": TEXT_NAMES,
        "label": LABEL_NAMES,
        "author": AUTHOR_NAMES,
        "created_at": CREATED_NAMES,
    }.items():
        listed = " ".join(f"`{name}`" for name in names)
        assert f"| `input.{setting}` | {listed} |" in page
        assert meanings[f"input.{setting}"].endswith(f"{', '.join(names)}.")
