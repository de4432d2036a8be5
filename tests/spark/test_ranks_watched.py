import threading
import time
from contextlib import suppress

import pytest

from adc.errors import RunError
from adc.training.watch import ranks_watched

pytestmark = pytest.mark.spark


def test_who_waits_for_ranks_is_told_of_a_lost_task_and_of_nothing_else(spark, monkeypatch):
    monkeypatch.setattr("adc.training.watch.GRACE", 1)

    def run(fails):
        def task(_):
            time.sleep(3)
            assert not fails

        with suppress(Exception):
            spark.sparkContext.parallelize([0], 1).foreach(task)

    def started(fails):
        ranks = threading.Thread(target=run, args=(fails,), daemon=True)
        ranks.start()
        return ranks

    with ranks_watched(spark):
        started(fails=False).join()

    begun = time.monotonic()
    with pytest.raises(RunError, match="a rank was lost"), ranks_watched(spark):
        started(fails=True)
        time.sleep(60)
    assert time.monotonic() - begun < 30
