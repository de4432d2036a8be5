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


def open_bundle(files: Files, place: str) -> Bundle:
    """The bundle at a path or URI, checked; raises UsageError where there is none, or a damaged one."""
    if local := local_path(files.qualified(place)):
        return load_bundle(local)
    if not files.exists(place):
        raise UsageError(f"bundle {place} does not exist")
    with tempfile.TemporaryDirectory(prefix="adc-bundle-") as folder:
        copy = Path(folder) / "bundle"
        files.download(place, copy)
        return load_bundle(copy)


def chosen_bundle(files: Files, settings: ScoreSettings, given: str | None) -> Bundle:
    """The bundle named on the command line, else that of score.bundle, else the one that comes with adc."""
    place = given or settings.bundle
    return open_bundle(files, place) if place else load_bundle(SHIPPED)
