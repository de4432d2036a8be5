"""The environment that deploy/setup.sh makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACTIVATE = Path(sys.prefix) / "bin" / "activate"


@pytest.mark.skipif(not ACTIVATE.is_file(), reason="not in an environment of deploy/setup.sh")
@pytest.mark.parametrize("name", ["SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"])
def test_another_spark_that_the_shell_knows_of_is_left_alone(name: str) -> None:
    told = subprocess.run(
        ["bash", "-c", f'source "{ACTIVATE}" && echo "${{{name}-none}}"'],
        env=os.environ | {name: "/elsewhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "none\n"
