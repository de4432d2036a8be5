"""The Dockerfiles, as far as they can be held to account where nothing builds an image."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("*Dockerfile"))


def instructions(dockerfile: Path) -> list[str]:
    """One a line, without comments."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.M)
    return re.sub(r"\\\n", " ", text).splitlines()


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_code_in_an_image_is_that_of_the_project(dockerfile: Path, tmp_path: Path) -> None:
    # Packages are installed by an empty adc, so that their layer is kept when code changes. What its build
    # leaves behind is newer than the code, and would be taken in its place.
    (first,) = (line for line in instructions(dockerfile) if "touch adc/__init__.py" in line)
    (second,) = (line for line in instructions(dockerfile) if line.startswith("RUN") and "--target" in line)
    # As pip does it, without what needs the network, and seconds.
    build = "pip() { [ $1 != install ] || python -c 'import setuptools; setuptools.setup()' -q build; }\n"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())

    def run(line: str) -> None:
        script = build.replace("python", shlex.quote(sys.executable)) + line.removeprefix("RUN ")
        subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True)

    (tmp_path / "wheels").touch()
    run(first)
    subprocess.run(["cp", "-Rp", ROOT / "adc", tmp_path], check=True)
    run(second)
    built = tmp_path / "build" / "lib" / "adc" / "__init__.py"
    assert built.read_bytes() == (ROOT / "adc" / "__init__.py").read_bytes()


def test_what_the_image_for_gpus_has_beside_is_pinned() -> None:
    pins = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(.*)$", pins, re.M))
    assert pinned["tensorflow"] == pinned["tensorflow-cpu"]
    needed = [need for need in requires("tensorflow-cpu") or () if "and-cuda" in need]
    assert len(needed) > 5
    assert not {re.split(r"[<>=;\[ ]", need)[0] for need in needed} - set(pinned)
