"""The report in headless Chromium: it fits phone and desktop, in both colour schemes, and prints.

Skipped where there is no Chromium (Debian's package `chromium`).
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from adc.evaluation.page import render
from tests.unit.evaluation.invented import invented_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"
)

PHONE, DESKTOP = 390, 1280
# Runs in a page around the report, which has no script of its own.
MEASURE = """
const results = {};
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, root = page.documentElement;
  const style = element => frame.contentWindow.getComputedStyle(element);
  const outside = [...page.querySelectorAll("body *")].filter(element =>
    !element.closest(".scroll") && element.getBoundingClientRect().right > root.clientWidth + 1);
  const first = page.querySelector(".words").children;
  results[frame.width] = {
    overflow: root.scrollWidth - root.clientWidth,
    outside: outside.map(element => element.tagName + "." + element.className),
    page: style(page.body).backgroundColor, ink: style(page.body).color,
    heights: [...page.querySelectorAll("section")].map(each => each.offsetHeight),
    leftwards: first[0].getBoundingClientRect().left - first[1].getBoundingClientRect().left,
  };
}
document.body.textContent = JSON.stringify(results);
"""


def chromium(folder: Path, *arguments: str) -> str:
    assert CHROMIUM
    # A profile of its own, and names that lead nowhere: nothing may be fetched.
    own = [f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *own, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def page() -> str:
    return render(invented_report(models=4, rows=800))


def frame(page: str, width: int) -> str:
    return f'<iframe width="{width}" height="900" srcdoc="{html.escape(page)}"></iframe>'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phone_and_desktop_in_both_colour_schemes(page: str, scheme: str, tmp_path: Path) -> None:
    around = tmp_path / "around.html"
    frames = frame(page, PHONE) + frame(page, DESKTOP)
    around.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><body>{frames}<script>onload = () => {{{MEASURE}}}</script>",
        encoding="utf-8",
    )

    dumped = chromium(
        tmp_path,
        f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        around.as_uri(),
    )

    measured = json.loads(html.unescape(re.search(r"\{.*\}", dumped).group()))  # type: ignore[union-attr]
    for width in (PHONE, DESKTOP):
        each = measured[str(width)]
        assert (each["overflow"], each["outside"]) == (0, []), width
        assert all(height > 100 for height in each["heights"])
        assert each["leftwards"] > 0, "the second word of an Arabic text stands left of the first"
        brightness = [sum(map(int, re.findall(r"\d+", each[what])[:3])) for what in ("page", "ink")]
        assert (brightness[0] > brightness[1]) == (scheme == "light")


def test_it_prints_on_pages(page: str, tmp_path: Path) -> None:
    report, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    report.write_text(page, encoding="utf-8")

    chromium(tmp_path, f"--print-to-pdf={printed}", "--no-pdf-header-footer", report.as_uri())

    content = printed.read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert content.startswith(b"%PDF")
    assert 5 <= pages <= 40
