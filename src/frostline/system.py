"""What operating systems do differently. Measured on Linux; elsewhere the nearest that there is."""

import contextlib
import functools
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from frostline.progress import note

try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = resource = None  # type: ignore[assignment]


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def user_cache() -> Path:
    """Where this user's own files lie that can be made again: measurements, compiled engines; safe to delete.

    For a user who has no home, or none that can be written, a folder that lasts as long as the process.
    """
    try:
        folder = _caches() / "frostline"
        folder.mkdir(parents=True, exist_ok=True)
        return folder if os.access(folder, os.W_OK) else _temporary(str(folder))
    except (OSError, RuntimeError) as error:
        return _temporary(getattr(error, "filename", None) or "no home folder")


def _caches() -> Path:
    """As the XDG Base Directory Specification says: a relative path is invalid, for each folder would have its own.

    RuntimeError where there is neither $HOME nor an entry in the system's list of users.
    """
    named, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path.home
    if named.is_absolute():
        return named
    if not home().is_absolute():
        raise RuntimeError
    return home() / ".cache"


@functools.cache
def _temporary(problem: str) -> Path:
    """A folder of this process alone: nobody else can have put anything into it."""
    note(
        f"nothing is remembered for the next job: the cache of this user cannot be written ({problem}); "
        "set XDG_CACHE_HOME to a folder that can"
    )
    _folders.append(tempfile.TemporaryDirectory(prefix="frostline-"))
    return Path(_folders[-1].name)


_folders: list["tempfile.TemporaryDirectory[str]"] = []  # gone with the process


@functools.cache
def cpu_field(name: str) -> str:
    """What the system says of the first processor (`model name`, `flags`); "" where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def lock(file: IO[Any]) -> bool:
    """Lock an open file for this process until it is closed or the process dies; False where another holds it."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def folder_lock(folder: Path, *, shared: bool) -> Iterator[bool]:
    """Lock a folder for a block, and say whether that went; the lock dies with the process.

    A shared lock is waited for; one that is not shared is had at once or not at all. Not where folders have none:
    on Windows and on some network disks.
    """
    lock = _folder_lock(folder, shared)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _folder_lock(folder: Path, shared: bool) -> int | None:
    if fcntl is None:
        return None
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened


def allow_open_files(mapped: int) -> None:
    """A mapped file stays open, and the usual 1,024 are soon used up: raise the limit as far as it goes."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if mapped > soft // 2 and soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident_file_bytes() -> int:
    """Bytes of files that this process has mapped and resident (proc_pid_statm(5), `shared`); 0 where none tells."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[2]) * mmap.PAGESIZE
    except OSError:
        return 0


def give_back(memory: mmap.mmap) -> None:
    """Let go of a mapped file's pages, which stay in the system's cache."""
    if hasattr(memory, "madvise"):
        memory.madvise(mmap.MADV_DONTNEED)
