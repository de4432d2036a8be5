"""Files on whatever file system Spark can reach: a local folder, HDFS, an object store."""

import re
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession

from adc.errors import UsageError

# How the names begin of what Spark does not read in a folder.
LEFT_OUT = ("_", ".")
# An upload that has written nothing for so long has been killed.
UPLOAD_SECONDS = 3600


def local_path(uri: str) -> str | None:
    """The path of a file on this machine as Hadoop writes its URI, file:/home/my lake; None of any other."""
    return "/" + uri.removeprefix("file:").lstrip("/") if uri.startswith("file:") else None


class Files:
    """The few file operations that jobs need, by Hadoop's file systems; every path may be a URI.

    All raise UsageError for a path that no file system takes.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsc.hadoopConfiguration()

    def _at(self, path: str) -> tuple[Any, Any]:
        try:
            hadoop_path = self._jvm.org.apache.hadoop.fs.Path(path)
            return hadoop_path.getFileSystem(self._conf), hadoop_path
        except IllegalArgumentException as error:
            reason = str(error).splitlines()[0]
        except Py4JJavaError as error:
            reason = str(error.java_exception.getMessage())
        raise UsageError(f"path {path or '(empty)'} cannot be used: {reason}")

    def qualified(self, path: str) -> str:
        """The full URI of a path, relative ones taken from the working folder: lake → file:/home/…/lake."""
        system, hadoop_path = self._at(path)
        return str(system.makeQualified(hadoop_path).toString())

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        system, hadoop_path = self._at(path)
        return bool(system.exists(hadoop_path))

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of this name."""
        system, place = self._at(path)
        return bool(system.exists(place) and system.getFileStatus(place).isDirectory())

    def delete(self, path: str) -> None:
        """Removes a file or folder with all it holds; nothing to remove is no error."""
        system, hadoop_path = self._at(path)
        system.delete(hadoop_path, True)

    def delete_hollow(self, folder: str) -> None:
        """Removes a folder that holds only hidden files and folders of such; of any other, those files.

        What others write into it meanwhile stays.
        """
        system, hadoop_path = self._at(folder)
        with suppress(Py4JJavaError):  # it is not empty, or another does the same
            for name in self.names(folder):
                if name.startswith("."):
                    self.delete(f"{folder}/{name}")
                elif self.is_folder(f"{folder}/{name}"):
                    self.delete_hollow(f"{folder}/{name}")
            system.delete(hadoop_path, False)

    def untouched(self, path: str, seconds: float) -> bool:
        """Whether all files under a folder were written more than so many seconds ago, or it made, if empty.

        Where there are files the folder is no witness: on an object store it is always new.
        """
        system, hadoop_path = self._at(path)
        files, before = system.listFiles(hadoop_path, True), 1000 * (time.time() - seconds)
        if not files.hasNext():
            return bool(system.getFileStatus(hadoop_path).getModificationTime() < before)
        # The first young one will do: each costs a call, and there may be many.
        while files.hasNext():
            if files.next().getModificationTime() >= before:
                return False
        return True

    def has(self, folder: str, names: str) -> bool:
        """Whether a folder holds a file of these names, a pattern; looks no further than the first."""
        system, hadoop_path = self._at(folder)
        files = system.listFiles(hadoop_path, False)
        while files.hasNext():
            if re.fullmatch(names, files.next().getPath().getName()):
                return True
        return False

    def delete_abandoned(self, folder: str, seconds: float, names: str = ".*") -> None:
        """Removes what a folder, if it is there, holds of these names (a pattern) and `untouched` so long."""
        for name in self.names(folder) if self.exists(folder) else ():
            with suppress(Py4JJavaError):  # who wrote it removes it now
                if re.fullmatch(names, name) and self.untouched(f"{folder}/{name}", seconds):
                    self.delete(f"{folder}/{name}")

    def beginning(self, path: str, number: int) -> bytes:
        """The first bytes of a file, as many as there are; of a folder none."""
        system, hadoop_path = self._at(path)
        if not system.getFileStatus(hadoop_path).isFile():
            return b""
        stream = system.open(hadoop_path)
        try:
            return bytes(stream.readNBytes(number))
        finally:
            stream.close()

    def read_text(self, path: str) -> str:
        """The whole of a small UTF-8 file, without its byte order mark; raises UnicodeDecodeError."""
        system, hadoop_path = self._at(path)
        stream = system.open(hadoop_path)
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream)).decode("utf-8-sig")
        finally:
            stream.close()

    def write_text(self, path: str, text: str) -> None:
        """Writes a file whole, as UTF-8, in place of one that is there."""
        system, hadoop_path = self._at(path)
        stream = system.create(hadoop_path, True)
        try:
            stream.write(bytearray(text.encode("utf-8")))
        finally:
            stream.close()

    def upload(self, folder: Path, target: str) -> None:
        """Copies a local folder to `target`; there it appears whole or not at all, where renaming is no copy.

        What stood at `target` is replaced, so the caller decides first whether it may be.
        """
        system, final = self._at(target)
        # Of its own, or two that upload at once would mix.
        name = f"{target.rstrip('/')}.{uuid.uuid4().hex[:8]}.partial"
        _, partial = self._at(name)
        # What uploads to this place that were killed have left.
        left = rf"{re.escape(final.getName())}\.\w+\.partial"
        self.delete_abandoned(str(final.getParent().toString()), UPLOAD_SECONDS, left)
        try:
            system.copyFromLocalFile(False, True, self._jvm.org.apache.hadoop.fs.Path(str(folder)), partial)
            system.delete(final, True)
            if not system.rename(partial, final):
                raise OSError(f"{name} could not be renamed to {target}")
        finally:
            system.delete(partial, True)

    def download(self, source: str, folder: Path) -> None:
        """Copies a folder to a local one that does not exist yet."""
        system, hadoop_path = self._at(source)
        system.copyToLocalFile(False, hadoop_path, self._jvm.org.apache.hadoop.fs.Path(str(folder)), True)

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; of a file its own."""
        system, hadoop_path = self._at(path)
        hadoop = self._jvm.org.apache.hadoop.fs
        # In one string: a call for each of 100,000 files would take a minute. Filtered, though by nothing,
        # since Py4J passes on no array of S3A's own kind of status.
        paths = hadoop.FileUtil.stat2Paths(system.listStatus(hadoop_path, hadoop.GlobFilter("*")))
        joined = str(self._jvm.scala.Predef.genericWrapArray(paths).mkString("\0"))
        return sorted(place.rpartition("/")[2] for place in joined.split("\0")) if joined else []

    def data_names(self, path: str) -> list[str]:
        """Those that Spark reads, sorted."""
        return [name for name in self.names(path) if not name.startswith(LEFT_OUT)]

    def sizes(self, path: str) -> dict[str, int]:
        """Bytes by name, sorted, of what Spark reads in a folder."""
        system, hadoop_path = self._at(path)
        found = {
            status.getPath().getName(): int(status.getLen()) for status in system.listStatus(hadoop_path)
        }
        return {name: found[name] for name in sorted(found) if not name.startswith(LEFT_OUT)}

    def state(self, path: str) -> list[int]:
        """Of a file its bytes, and when it was written, in milliseconds since 1970."""
        system, hadoop_path = self._at(path)
        status = system.getFileStatus(hadoop_path)
        return [int(status.getLen()), int(status.getModificationTime())]

    def size(self, path: str) -> int:
        """The bytes of a file, or of all files in a folder and its folders."""
        system, hadoop_path = self._at(path)
        return int(system.getContentSummary(hadoop_path).getLength())
