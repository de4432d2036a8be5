"""The state of training after an epoch, kept where a later run finds it, whole or not at all."""

import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pyarrow import fs

from adc.files import local_path

FACTS = "facts"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """facts: what JSON can hold, with `epoch`, the last one done. arrays: all else, by name."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, facts: Mapping[str, Any], lists: Mapping[str, Sequence[np.ndarray]]) -> Self:
        """One that holds lists of arrays by name."""
        return cls(facts, {f"{name}-{n}": array for name in lists for n, array in enumerate(lists[name])})

    def list_of(self, name: str) -> list[np.ndarray]:
        """One of its lists; of another name an empty one."""
        count = sum(key.startswith(f"{name}-") for key in self.arrays)
        return [self.arrays[f"{name}-{n}"] for n in range(count)]


def file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """Arrow's file system of a path or URI as Hadoop writes it, and the path there."""
    # Arrow would want file:///home/my%20lake of it.
    if local := local_path(uri):
        return fs.LocalFileSystem(), local
    # Hadoop's name for the object store is s3a, Arrow's is s3.
    system, path = fs.FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    return system, path


def save_checkpoint(uri: str, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint to a folder, in place of the one before."""
    system, folder = file_system(uri)
    system.create_dir(folder)
    before = _names(system, folder)
    content = io.BytesIO()
    facts = np.frombuffer(json.dumps(checkpoint.facts).encode(), np.uint8)
    np.savez(content, allow_pickle=False, **{FACTS: facts}, **checkpoint.arrays)
    name = f"{folder}/epoch-{checkpoint.facts['epoch']:05d}.npz"
    partial = f"{name}.{uuid.uuid4().hex}.partial"
    with system.open_output_stream(partial) as stream:
        stream.write(content.getbuffer())
    system.move(partial, name)
    for old in before:
        if old != name:
            system.delete_file(old)


def latest_checkpoint(uri: str) -> Checkpoint | None:
    """The checkpoint of the latest epoch in a folder, if there is one."""
    system, folder = file_system(uri)
    names = _names(system, folder)
    if not names:
        return None
    with system.open_input_file(names[-1]) as stream:
        stored = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    arrays = {name: stored[name] for name in stored.files}
    return Checkpoint(json.loads(arrays.pop(FACTS).tobytes()), arrays)


def _names(system: fs.FileSystem, folder: str) -> list[str]:
    infos = system.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return sorted(info.path for info in infos if info.path.endswith(".npz"))
