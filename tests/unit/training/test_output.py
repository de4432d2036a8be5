"""What ranks print: facts become lines for the person who watches, and errors explain a failure."""

import json

import pytest

from adc.training.output import PROGRESS_MARK, RankOutput


def test_facts_are_told_and_all_else_is_not(capsys):
    output = RankOutput("train", 3)
    step = {"epoch": 2, "step": 9, "steps": 1200, "loss": 1.5, "rate": 2500.4, "left": 95.0}
    done = {"epoch": 2, "done": True, "seconds": 9.6, "loss": 1.25, "val_accuracy": 0.5, "val_macro_f1": 0.4}
    last = {"epoch": 3, "done": True, "seconds": 9.6, "loss": 1.25, "rate": 2500.4, "left": 0.0}
    facts = (step, done, done | {"rate": 2500.4, "left": 95.0}, last)
    lines = "".join(f"[0]<stdout>:{PROGRESS_MARK}{json.dumps(each)}\n   \nchatter\n" for each in facts)
    # Pieces end where they will.
    output.write(lines[:30])
    output.write(lines[30:])
    figures = "train: epoch 2 of 3 done in 10 s, loss 1.250, val accuracy 50.0 %, val macro f1 40.0 %"
    assert capsys.readouterr().err.splitlines() == [
        "train: epoch 2 of 3, step 9 of 1,200, loss 1.500, 2,500 examples/s, 1 min 35 s left",
        figures,
        f"{figures}, 2,500 examples/s, 1 min 35 s left",
        "train: epoch 3 of 3 done in 10 s, loss 1.250, 2,500 examples/s",
    ]
    assert output.cause() is None


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["RuntimeError: the loss is nan"], "RuntimeError: the loss is nan"),
        (
            [
                "MemoryError: Unable to allocate 9 GiB",
                "tensorflow.python.framework.errors_impl.UnknownError: Graph execution error:",
                "horovod.common.exceptions.HorovodInternalError: Horovod has been shut down",
            ],
            "MemoryError: Unable to allocate 9 GiB",
        ),
        (
            # What the other ranks say of the one that failed may come first.
            [
                "horovod.common.exceptions.HorovodInternalError: Horovod has been shut down",
                "MemoryError: Unable to allocate 9 GiB",
            ],
            "MemoryError: Unable to allocate 9 GiB",
        ),
        (
            ["errors_impl.UnknownError: Graph execution error:", "W Error: of a library's own log"],
            "errors_impl.UnknownError: Graph execution error:",
        ),
    ],
)
def test_the_cause_is_the_first_error_that_is_of_no_other(lines, cause):
    output = RankOutput("train", 3)
    chatter = "".join(f"[1]<stderr>:line {number}\n" for number in range(300))
    output.write("".join(f"[1]<stderr>:{line}\n{chatter}" for line in lines))
    assert output.cause() == cause
