"""Errors meant for people: what is wrong, where, and what to do about it.

Anything else that escapes a job is a bug and keeps its stack trace.
"""

import re
from typing import Any
from urllib.parse import unquote

# The last line of a Python traceback.
_RAISED = re.compile(r"^(?:\w+\.)*\w+(?:Error|Exception|Interrupt): .*", re.MULTILINE)
# What Spark tells of a file that it could not read; blanks in its path are written %20.
_UNREAD = re.compile(r"\[FAILED_READ_FILE\S* .*? reading file (\S+)\.\s")


def java_cause(error: BaseException) -> Any:
    """The Java exception at the bottom of an error that Py4J raises; None for any other."""
    cause = getattr(error, "java_exception", None)
    while cause is not None and cause.getCause() is not None:
        cause = cause.getCause()
    return cause


def with_file(error: BaseException, reason: str) -> str:
    """The reason of an error, behind the path of the file that Spark could not read, unless it names that."""
    found = _UNREAD.search(str(error))
    if not found:
        return reason
    file = re.sub("^file:/+", "/", unquote(found[1]))
    return reason if file.rpartition("/")[2] in reason else f"{file}: {reason}"


def cause_of(error: BaseException) -> str:
    """The root cause of an error, in a line: of one of Spark's, the Java or Python exception within.

    Before it stands the file that could not be read, if it is that.
    """
    if (java := java_cause(error)) is not None:
        told = f"{java.getClass().getSimpleName()}: {java.getMessage()}"
    else:
        told = f"{type(error).__name__}: {error}"
    raised = _RAISED.findall(told.partition("JVM stacktrace:")[0]) if "Traceback" in told else ()
    return with_file(error, str(raised[-1]) if raised else told.splitlines()[0])


class AdcError(Exception):
    """An error whose message is all a user needs; shown without a stack trace."""

    exit_status = 1


class UsageError(AdcError):
    """Usage, settings or input are wrong; nothing was touched."""

    exit_status = 2


class RunError(AdcError):
    """The run failed; what it committed stays, and the same command goes on from there."""
