"""What is said of ranks that find no slots."""

import pytest

from adc.training.checks import more_slots, slots_in_time


@pytest.mark.parametrize(
    ("master", "dynamic", "remedy"),
    [
        ("local", False, "--master local[6]"),
        ("local[*]", True, "--master local[6]"),
        ("spark://head:7077", False, "minRegisteredResourcesRatio=1"),
        ("local-cluster[2,1,1024]", False, "minRegisteredResourcesRatio=1"),
        ("yarn", True, "spark.dynamicAllocation.enabled=false, with spark.exec"),
    ],
)
def test_the_remedy_is_for_the_way_that_slots_come(master: str, dynamic: bool, remedy: str) -> None:
    assert remedy in more_slots(master, dynamic, 6)


def test_executors_that_register_late_are_waited_for() -> None:
    registered = iter([0, 1, 4])
    assert slots_in_time(lambda: next(registered), 2, seconds=60) == 4
    assert slots_in_time(lambda: 1, 2, seconds=0) == 1
