import os
import re
import time

import pytest
from py4j.protocol import Py4JJavaError

from adc.errors import UsageError
from adc.files import Files

pytestmark = pytest.mark.spark


@pytest.fixture
def files(spark):
    return Files(spark)


def tree(folder):
    """Names and contents below a folder; without the checksums that Hadoop keeps beside local files."""
    return {
        str(path.relative_to(folder)): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".crc"
    }


def test_paths_are_qualified_from_the_working_folder(files, tmp_path):
    assert files.qualified("lake") == f"file:{os.getcwd()}/lake"  # noqa: PTH109
    assert files.qualified(f"{tmp_path}/بحيرة a") == f"file:{tmp_path}/بحيرة a"
    assert files.qualified(f"file://{tmp_path}") == f"file:{tmp_path}"


def test_texts_are_written_whole_as_utf8_and_removed(files, tmp_path):
    path = f"{tmp_path}/new/folder/نص.json"
    files.delete(path)
    assert not files.exists(path)
    for text in ("شلونك 👨‍👩‍👧\r\n\0 a much longer first text", "second", ""):
        files.write_text(path, text)
        assert tree(tmp_path) == {"new/folder/نص.json": text}
    (tmp_path / "empty").mkdir()
    assert (files.names(f"{tmp_path}/empty"), files.data_names(f"{tmp_path}/new/folder")) == ([], ["نص.json"])
    (tmp_path / "empty").rmdir()
    for name in ("b, c\nd", "a%20 b"):
        files.write_text(f"{tmp_path}/odd/{name}", "")
    assert files.names(f"{tmp_path}/odd") == ["a%20 b", "b, c\nd"]
    files.delete(f"{tmp_path}/odd")
    assert files.names(f"{tmp_path}/new") == ["folder"] and files.names(path) == ["نص.json"]
    files.write_text(f"{tmp_path}/new/folder/_SUCCESS", "12345")
    assert files.sizes(f"{tmp_path}/new/folder") == {"نص.json": 0}
    assert files.size(f"{tmp_path}/new") == 5
    beginnings = [
        files.beginning(f"{tmp_path}/new/folder{name}", 3) for name in ("/_SUCCESS", "/نص.json", "")
    ]
    assert beginnings == [b"123", b"", b""]
    files.delete(f"{tmp_path}/new")
    assert (files.exists(path), tree(tmp_path)) == (False, {})


def test_a_folder_is_as_old_as_the_newest_file_below_it(files, tmp_path):
    (tmp_path / "run" / "wave").mkdir(parents=True)
    assert not files.untouched(f"{tmp_path}/run", 60)
    os.utime(tmp_path / "run", (0, time.time() - 61))
    assert files.untouched(f"{tmp_path}/run", 60)
    for name, hours in (("a", 9), ("wave/b", 5)):
        (tmp_path / "run" / name).touch()
        os.utime(tmp_path / "run" / name, (0, time.time() - hours * 3600))
    # The folders themselves are new, as they always are on an object store.
    assert [files.untouched(f"{tmp_path}/run", hours * 3600) for hours in (4.9, 5.1)] == [True, False]


def test_folders_are_uploaded_in_place_of_what_was_there_and_downloaded(files, tmp_path):
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "deep" / "target"
    for folder, names in ((first, ("a", "b")), (second, ("b", "c"))):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(f"{folder.name} {name}")
    for name, hours in (("target.0.partial", 2), ("target.1.partial", 0), ("other.0.partial", 2)):
        left = tmp_path / "deep" / name / "left"
        left.parent.mkdir(parents=True)
        left.write_text("by an upload that was killed, or is under way")
        os.utime(left, (0, time.time() - hours * 3600))
    under_way = {f"{name}.partial/left": left.read_text() for name in ("target.1", "other.0")}

    files.upload(first, str(target))
    assert tree(tmp_path / "deep") == under_way | {"target/a": "first a", "target/b": "first b"}
    files.upload(second, f"{target}/")
    assert tree(tmp_path / "deep") == under_way | {"target/b": "second b", "target/c": "second c"}
    with pytest.raises(Py4JJavaError):
        files.upload(tmp_path / "nothing", str(target))
    assert tree(tmp_path / "deep") == under_way | {"target/b": "second b", "target/c": "second c"}

    files.download(str(target), tmp_path / "copy")
    assert tree(tmp_path / "copy") == {"b": "second b", "c": "second c"}
    assert tree(first) == {"a": "first a", "b": "first b"}


@pytest.mark.parametrize("path", ["", "nowhere://bucket/lake", "hdfs://:x"])
def test_a_path_that_no_file_system_takes_is_refused_by_name(files, path):
    with pytest.raises(UsageError, match=re.escape(f"path {path or '(empty)'} cannot be used: ")):
        files.exists(path)
