import pytest

from adc.archives import Source, archive_rows, read_archive
from adc.settings import InputSettings
from tests.spark.contents import rows


@pytest.fixture
def read(spark, tmp_path):
    """read(name, content, columns…): the rows of a file of this content, as an archive or a list of ids."""

    def run(name, content=None, columns=("id", "text"), shape=archive_rows, **settings):
        path = tmp_path / name
        if content is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = InputSettings(**settings)
        return rows(shape(read_archive(spark, Source(str(path)), given), str(path), given), *columns)

    return run
