"""Ends a training that has lost a rank."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from adc.errors import RunError

# A rank that fails by itself is told of by Horovod, and better, within this time (seconds).
GRACE = 20


def lost(failed: Sequence[int], seen: bool) -> bool:
    """Whether a rank is lost, by the failed tasks of each active stage; seen: one was active before."""
    return any(failed) or (seen and not failed)


@contextmanager
def ranks_watched(spark: SparkSession) -> Iterator[None]:
    """Within it, RunError is raised once Spark has lost a task, when nothing but ranks runs as tasks.

    Horovod itself waits for a rank whose host is gone as long as TCP does: hours. A task that is lost before
    the ranks have begun counts, too, though Spark could have replaced it. Only the main thread can be
    interrupted; in another nothing is watched.
    """
    from horovod.runner.util import threads

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over, main = threading.Event(), threading.get_ident()

    def watch() -> None:
        tracker = spark.sparkContext.statusTracker()
        seen, since = False, 0.0
        while not over.wait(1):
            infos = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
            failed = [info.numFailedTasks for info in infos if info]
            if not lost(failed, seen):
                seen, since = seen or bool(failed), 0.0
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

    # Those of Horovod's threads that wait for a host that is gone must not keep the process from its end.
    in_thread = threads.in_thread
    threads.in_thread = lambda *args, **named: in_thread(*args, **(named | {"daemon": True}))
    before = signal.signal(signal.SIGUSR1, interrupt)
    watcher = threading.Thread(target=watch, name="ranks-watched", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)
        threads.in_thread = in_thread
