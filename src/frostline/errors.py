"""What a user may be told instead of a traceback: one line saying what, where and what to do."""


class FrostlineError(Exception):
    """Work that was asked for rightly and could not be done; the command exits with 1."""

    exit_code = 1


class InputError(FrostlineError):
    """Something the user gave is wrong (a key, a path, an option); the command exits with 2."""

    exit_code = 2


class LimitError(FrostlineError):
    """What was asked for is done, and its result is beyond a limit; the command exits with 3."""

    exit_code = 3
