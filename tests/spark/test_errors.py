"""What is told of Spark's errors."""

import gzip
import random

import pytest

from adc.errors import cause_of

pytestmark = pytest.mark.spark


def test_of_a_folder_the_file_that_cannot_be_read_is_named(spark, tmp_path):
    whole = gzip.compress(random.Random(1).randbytes(10_000))
    for name, content in {"a.txt.gz": whole, "b c+d.txt.gz": whole[:5_000]}.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Exception, match="FAILED_READ_FILE") as failed:
        spark.read.text(str(tmp_path)).count()
    assert cause_of(failed.value) == f"{tmp_path}/b c+d.txt.gz: EOFException: Unexpected end of input stream"
