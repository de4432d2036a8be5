"""Errors meant for people: what is wrong, where, and what to do about it.

Anything else that escapes a job is a bug and keeps its stack trace.
"""


class AdcError(Exception):
    """An error whose message is all a user needs; shown without a stack trace."""

    exit_status = 1


class UsageError(AdcError):
    """Usage, settings or input are wrong; nothing was touched."""

    exit_status = 2


class RunError(AdcError):
    """The run failed; what it committed stays, and the same command goes on from there."""

    exit_status = 1
