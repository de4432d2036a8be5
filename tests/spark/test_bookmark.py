"""A bookmark that a run beside is writing, or was killed in writing."""

from pathlib import Path
from threading import Timer

import pytest

from adc.bookmark import READ_SECONDS, Bookmark
from adc.lake import Lake

pytestmark = pytest.mark.spark

WHOLE = '{"rules": "a", "wrote": false, "noted": {"after": "2"}}'


@pytest.fixture(params=[WHOLE[:20], WHOLE], ids=["in the middle", "before its checksum"])
def torn(lake: Lake, request: pytest.FixtureRequest) -> Bookmark:
    bookmark = Bookmark(lake.files, lake.path("bookmark"), "a")
    bookmark.begin(relying=False, after="1")
    # Not by Hadoop, which would write its checksum, too.
    Path(bookmark.place.removeprefix("file:")).write_text(request.param)
    return bookmark


def test_one_that_is_being_written_is_read_once_it_is_whole(
    torn: Bookmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adc.bookmark.READS", 100)
    writer = Timer(READ_SECONDS, torn.files.write_text, (torn.place, WHOLE))
    writer.start()
    assert torn.noted() == {"after": "2"}
    writer.join()


def test_of_one_that_stays_torn_nothing_is_known(torn: Bookmark) -> None:
    assert torn.noted() is None
    torn.begin(relying=False, after="3")
    assert torn.noted() == {"after": "3"}
