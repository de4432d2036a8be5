"""Bundles on the lake's file system: stored whole or not at all, and fetched to be loaded."""

import tempfile
from pathlib import Path

from adc.errors import UsageError
from adc.files import Files, local_path
from adc.model.bundle import SHIPPED, Bundle, load_bundle
from adc.settings import ScoreSettings


def store_bundle(files: Files, bundle: Bundle, target: str) -> None:
    """Writes a bundle to a folder or URI."""
    with tempfile.TemporaryDirectory(prefix="adc-bundle-") as folder:
        local = Path(folder) / bundle.name
        bundle.save(local)
        files.upload(local, target)


def fetch_bundle(files: Files, place: str, folder: Path) -> Path:
    """The bundle at a path or URI as a local folder: its own, or a copy under `folder`."""
    local = local_path(files.qualified(place))
    if local:
        return Path(local)
    if not files.exists(place):
        raise UsageError(f"bundle {place} does not exist")
    files.download(place, folder / "bundle")
    return folder / "bundle"


def open_bundle(files: Files, place: str) -> Bundle:
    """The bundle at a path or URI, checked."""
    with tempfile.TemporaryDirectory(prefix="adc-bundle-") as folder:
        return load_bundle(fetch_bundle(files, place, Path(folder)))


def chosen_bundle(files: Files, settings: ScoreSettings, given: str | None) -> Bundle:
    """The bundle named on the command line, else that of score.bundle, else the one that comes with adc."""
    place = given or settings.bundle
    return open_bundle(files, place) if place else load_bundle(SHIPPED)
