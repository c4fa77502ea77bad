"""What a user must know: errors as one line (what, where, what to do), and what random weights are good for."""

import difflib
import os
import shlex
from collections.abc import Iterable

FEW = 10  # names that a line takes
RANDOM_WEIGHTS = "random weights: smoke test only"
# What a terminal obeys, or what turns the order of letters around; line breaks and tabs are text.
_OBEYED = (
    *range(32), *range(127, 160), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A),
)  # fmt: skip
_VISIBLE = {code: chr(code).encode("unicode_escape").decode() for code in _OBEYED if chr(code) not in "\n\t"}


def weights_note(source: str) -> str:
    """What must stand beside every number of a network whose weights are from `source`; "" for trained ones."""
    return RANDOM_WEIGHTS if source == "random" else ""


def visible(text: str) -> str:
    """Text for a terminal or a log: names may hold escape sequences, which are shown instead of obeyed."""
    return text.translate(_VISIBLE)


def one_line(name: str) -> str:
    """A name among others: as it is, or quoted with escapes where it would break the line."""
    return name if name.isprintable() else repr(name)


def shell_command(*words: str | os.PathLike[str]) -> str:
    """A command line to be pasted into a shell, whatever the names in it hold: spaces, quotes, line breaks.

    Every command with a name in it that we print is made here. A path is never taken for an option.
    """
    return " ".join(map(_quoted, words))


def _quoted(word: str | os.PathLike[str]) -> str:
    """A word as bash and zsh read it; what does not print, or is no UTF-8, by its bytes."""
    text = os.fspath(word)
    if text.startswith("-") and not isinstance(word, str):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    shown = (
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(text)
    )
    return f"$'{''.join(shown)}'"


class FrostlineError(Exception):
    """Work that was asked for rightly and could not be done; the command exits with 1."""

    exit_code = 1


class InputError(FrostlineError):
    """Something the user gave is wrong (a key, a path, an option); the command exits with 2."""

    exit_code = 2


class StuckError(InputError):
    """A model is at work without end in a thread that nothing stops: the process must not wait for it at its end."""


class LimitError(FrostlineError):
    """What was asked for is done, and its result is beyond a limit; the command exits with 3."""

    exit_code = 3


def first_line(error: BaseException) -> str:
    """An error's message in one line, to be put into a sentence: its first line that is not empty, without a final
    full stop; the name of its type where it has no message.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".") for line in lines if line.strip(".")), type(error).__name__)


def closest(name: object, known: Iterable[object]) -> str | None:
    """The known name most like a mistyped one, if any is like it."""
    close = difflib.get_close_matches(str(name), [str(key) for key in known], n=1, cutoff=0.5)
    return close[0] if close else None


def nearest(name: object, known: Iterable[object], *, all_in: str = "") -> str:
    """How a message about an unknown name ends: the closest known one, or some of them and where all are."""
    names = list(dict.fromkeys(map(str, known)))
    if close := closest(name, names):
        return f"; did you mean '{close}'?"
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    where = f" ({all_in})" if more and all_in else ""
    return f"; known: {', '.join(names[:FEW])}{more}{where}"
