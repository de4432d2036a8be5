"""Ends a training that has lost a rank."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from adc.errors import RunError

# A rank that fails by itself is told of by Horovod, and better, within this time (seconds).
GRACE = 20


@contextmanager
def ranks_watched(spark: SparkSession) -> Iterator[None]:
    """Within it, RunError is raised once Spark has lost a task, when nothing but ranks runs as tasks.

    Horovod itself waits for a rank whose host is gone as long as TCP does: hours. Only the main thread can be
    interrupted; in another nothing is watched.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over, main = threading.Event(), threading.get_ident()

    def watch() -> None:
        tracker = spark.sparkContext.statusTracker()
        seen, since = False, 0.0
        while not over.wait(1):
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            if not any(stage and stage.numFailedTasks for stage in stages) and (stages or not seen):
                seen, since = seen or bool(stages), 0.0
                continue
            since = since or time.monotonic()
            if time.monotonic() - since > GRACE:
                signal.pthread_kill(main, signal.SIGUSR1)
                return

    def interrupt(*_: Any) -> None:
        raise RunError(
            "training failed: a rank was lost with its executor or host; "
            "run the same command again, it goes on after the last epoch done"
        )

    before = signal.signal(signal.SIGUSR1, interrupt)
    watcher = threading.Thread(target=watch, name="ranks-watched", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)
