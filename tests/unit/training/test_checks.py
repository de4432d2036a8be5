"""What is said of ranks that find no slots."""

from types import SimpleNamespace

import pytest

from adc.errors import UsageError
from adc.settings import Settings
from adc.training.checks import threads_a_rank


@pytest.mark.parametrize(
    ("conf", "remedy"),
    [
        ({}, "minRegisteredResourcesRatio=1"),
        (
            {"spark.dynamicAllocation.enabled": "true"},
            "spark.dynamicAllocation.enabled=false, with spark.exec",
        ),
    ],
)
def test_the_remedy_is_for_the_way_that_executors_come(conf: dict[str, str], remedy: str) -> None:
    settings = Settings.model_validate({"train": {"num_proc": 3}})
    spark = SimpleNamespace(conf=conf, sparkContext=SimpleNamespace(defaultParallelism=2))
    job = SimpleNamespace(settings=settings, lake=SimpleNamespace(spark=spark))
    with pytest.raises(UsageError, match=f"train.num_proc=3: Spark has 2 task slots.*{remedy}"):
        threads_a_rank(job)
