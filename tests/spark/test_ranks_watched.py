import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from adc.errors import RunError
from adc.training.stage import run_ranks
from adc.training.watch import lost, ranks_watched

pytestmark = pytest.mark.spark


def test_who_waits_for_ranks_is_told_of_a_lost_task_and_of_nothing_else(spark, job, monkeypatch):
    import horovod.spark

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

    def ranks(*_, stderr, **__):
        stderr.write("[1]<stderr>:HorovodInternalError: shut down\n")
        started(fails=True)
        time.sleep(60)

    monkeypatch.setattr(horovod.spark, "run", ranks)
    begun = time.monotonic()
    with pytest.raises(RunError) as told:
        run_ranks(job("train"), SimpleNamespace(epochs=1), None)
    assert str(told.value) == (
        "training failed: a rank was lost with its executor or host; run the same command again, it goes on "
        "after the last epoch done (a rank's error: HorovodInternalError: shut down)"
    )
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("failed", "seen", "expected"),
    [
        ([], False, False),  # the ranks' stage has not begun
        ([0], True, False),
        ([1], True, True),  # Spark tries the task again, which is of no use to the others
        ([], True, True),  # Spark has given up
    ],
)
def test_a_rank_is_lost_with_its_task(failed, seen, expected):
    assert lost(failed, seen) is expected


def test_a_thread_of_horovod_s_that_never_ends_does_not_keep_the_process(spark):
    from horovod.runner.util import threads

    with ranks_watched(spark):
        waiting = threads.in_thread(time.sleep, (600,), daemon=False)
    assert waiting.daemon
    ending = threads.in_thread(time.sleep, (0,), daemon=False)
    assert not ending.daemon
