"""The environment that deploy/setup.sh makes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
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


def test_java_knows_the_options_that_jobs_give_it() -> None:
    defaults = (ROOT / "conf" / "spark-defaults.conf").read_text(encoding="utf-8")
    options = re.search(r"^spark\.driver\.extraJavaOptions (.*)", defaults, re.MULTILINE)
    assert options
    java = Path(os.environ.get("JAVA_HOME", "/usr"), "bin", "java")
    command = [java if java.exists() else "java", *options[1].split(), "-XX:+PrintFlagsFinal", "-version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"Tier4InvocationThreshold *= 200000 ", told)
