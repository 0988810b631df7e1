"""Make `.venv` hold one of the locked package sets. Standard library only: it runs before anything is installed.

Usage: python .ci/environment.py {tick,local,tests,mutation}

Quick when there is nothing to do: a stamp in `.venv` carries a digest of the lock file and of the Python version. An
installation that was cut short leaves a marker, and the next run installs every package again. uv does the work
where it can be had, pip otherwise; both check the hashes in the lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLER = Path(".ci/requirements.txt")

#: From the smallest set to the largest: each lock file holds every package of those before it.
LOCKS = {
    "tick": Path("requirements.txt"),
    "local": Path("requirements-local.txt"),
    "tests": Path("tests/requirements.txt"),
    "mutation": Path("tests/mutation/requirements.txt"),
}


#: Left without byte-code, which saves more than half of the compiling: what the bot does not import at every start.
SELDOM_IMPORTED = "|".join(
    (
        r"/ccxt/((async_support|abstract)/)?(?!async_support|abstract|base|static|__|kraken|binance|bybit)",
        r"/duckdb/experimental/",
        r"/mypyc?/",  # runs as machine code
        r"/numpy/(distutils|f2py)/",
        r"/onnxruntime/(quantization|tools|transformers)/",
        r"/pydantic/v1/",
        r"/pygments/lexers/(?!_|python|json|special)",
        r"/telegram/",
        r"/textual/",
        r"/tests?/",
    )
)

INSTALL_VENV = (
    "this Python can make no virtual environment, or has no pip for it: install its venv module "
    "(Debian, Ubuntu: apt install python3-venv), then run the command again"
)


class CannotInstall(Exception):
    """Names what failed and what a person can do about it."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that belongs to one checkout."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / ".installed"

    @property
    def marker(self) -> Path:
        return self.folder / ".installing"

    def key(self, name: str) -> str:
        """Digest of everything that decides what an installation of this set contains."""
        digest = hashlib.sha256((self.root / LOCKS[name]).read_bytes())
        digest.update(sys.version.encode())
        return f"{name} {digest.hexdigest()}"

    def holds(self, name: str) -> bool:
        """Whether this set, or a larger one, was installed completely from the present lock file."""
        if self.marker.exists() or not self.python.exists():
            return False
        try:
            stamp = self.stamp.read_text()
        except FileNotFoundError:
            return False
        names = list(LOCKS)
        return stamp in [self.key(larger) for larger in names[names.index(name) :]]


def say(text: str) -> None:
    print(f"environment: {text}", file=sys.stderr, flush=True)


def attempt(command: Sequence[str | Path], doing: str, env: dict[str, str] | None = None) -> bool:
    """Run one step, show that it is alive, and show its own words when it fails."""
    started = time.monotonic()
    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        say(f"{doing} ...")
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen([str(part) for part in command], stdout=words, stderr=words, env=env)
        while True:
            try:
                code = process.wait(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if on_terminal:
                    print(f"\renvironment: {doing} ... {time.monotonic() - started:.0f} s", end="", file=sys.stderr)
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
                raise
        if on_terminal:
            print("\r\033[K", end="", file=sys.stderr)
        if code == 0:
            if time.monotonic() - started > 2:
                say(f"{doing}: done in {time.monotonic() - started:.1f} s")
            return True
        words.seek(0)
        say(f"{doing}: failed")
        for line in words.read().decode(errors="replace").strip().splitlines()[-12:]:
            say(f"  {line}")
        return False


def works(python: Path) -> bool:
    """Whether this interpreter starts, and is the version that is running now."""
    if not python.exists():
        return False
    ask: list[str | Path] = [python, "-c", "import sys; print(sys.version)"]
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() == sys.version.strip()


def cache_settings() -> dict[str, str]:
    """The environment for uv and pip: a cache that can be written even where the home folder cannot."""
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env.setdefault("UV_SYSTEM_CERTS", "1")
    env.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    try:
        Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache").mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or not ours to write
        env.setdefault("UV_CACHE_DIR", str(ROOT / ".venv" / ".cache" / "uv"))
        env.setdefault("PIP_CACHE_DIR", str(ROOT / ".venv" / ".cache" / "pip"))
    return env


def base_python() -> str:
    """The interpreter below any virtual environment: the one being replaced may be running this."""
    return getattr(sys, "_base_executable", sys.executable)


def create(environment: Environment, env: dict[str, str]) -> None:
    """Make an empty virtual environment. pip is left out: it takes three seconds and is seldom needed."""
    version = sys.version.split()[0]
    if not attempt(
        [base_python(), "-m", "venv", "--clear", "--without-pip", environment.folder], f"creating .venv, {version}", env
    ):
        raise CannotInstall(INSTALL_VENV)


def find_pip(environment: Environment, env: dict[str, str]) -> list[str | Path]:
    """A pip that installs into the environment: its own, the one of the Python below it, or Python's bundled copy."""

    def answers(command: Sequence[str | Path]) -> bool:
        return subprocess.run([*command, "--version"], capture_output=True, env=env, check=False).returncode == 0

    own: list[str | Path] = [environment.python, "-m", "pip"]
    below: list[str | Path] = [base_python(), "-m", "pip", "--python", environment.python]
    for command in (own, below):
        if answers(command):
            return command
    # Debian ships Python without ensurepip unless python3-venv is installed.
    bundled = importlib.util.find_spec("ensurepip") is not None
    if bundled and attempt([environment.python, "-m", "ensurepip"], "installing pip", env):
        return own
    raise CannotInstall(INSTALL_VENV)


def find_uv(environment: Environment, env: dict[str, str]) -> str | None:
    """uv from the environment itself, from the machine, or fetched by pip; None where it cannot be had."""
    own = environment.folder / "bin" / "uv"
    if own.exists():
        return str(own)
    if (found := shutil.which("uv")) is not None:
        return found
    fetch = [*find_pip(environment, env), "install", "--quiet", "--require-hashes", "--no-deps"]
    return str(own) if attempt([*fetch, "-r", environment.root / INSTALLER], "fetching uv", env) else None


def install(environment: Environment, name: str) -> None:
    """Bring the environment to the locked versions of one set. Packages of no set are left alone."""
    env = cache_settings()
    repair = environment.marker.exists()
    if not works(environment.python):
        create(environment, env)
    environment.stamp.unlink(missing_ok=True)
    environment.marker.touch()
    fetch_packages(environment, LOCKS[name], repair, env)
    compile_packages(environment, env)
    environment.marker.unlink()
    environment.stamp.write_text(environment.key(name))


def fetch_packages(environment: Environment, lock: Path, repair: bool, env: dict[str, str]) -> None:
    """Download and unpack, with uv or else with pip. A repair unpacks again what seems to be there."""
    lines = (environment.root / lock).read_text().splitlines()
    count = sum(1 for line in lines if "==" in line and not line.startswith((" ", "#")))
    doing = f"{'repairing' if repair else 'installing'} {count} packages of {lock}"
    wanted: list[str | Path] = ["--require-hashes", "--no-deps", "-r", environment.root / lock]
    if (uv := find_uv(environment, env)) is not None:
        again = ["--reinstall"] if repair else []
        command = [uv, "pip", "install", "--python", environment.python, "--no-compile-bytecode", *again, *wanted]
        if attempt(command, f"{doing} with uv", env):
            return
    again = ["--force-reinstall"] if repair else []
    if not attempt([*find_pip(environment, env), "install", "--no-compile", *again, *wanted], f"{doing} with pip", env):
        raise CannotInstall(
            "neither uv nor pip could install the packages (their words are above): "
            "check that PyPI can be reached from here, then run the command again"
        )


def compile_packages(environment: Environment, env: dict[str, str]) -> None:
    """Imports are three times faster with byte-code, and some machines never let Python write it later."""
    everything: list[str | Path] = [environment.python, "-m", "compileall", "-q", "-j", "0", environment.folder / "lib"]
    attempt([*everything, "-x", f"/site-packages.*({SELDOM_IMPORTED})"], "compiling", env)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        say(f"name one set of {', '.join(LOCKS)}")
        return 2
    name = arguments[0]
    environment = Environment(ROOT)
    if environment.holds(name):
        return 0
    with open(ROOT / "pyproject.toml") as gate:
        # Two commands started at once: the second waits, then finds the work done.
        fcntl.flock(gate, fcntl.LOCK_EX)
        if not environment.holds(name):
            try:
                install(environment, name)
            except CannotInstall as trouble:
                say(str(trouble))
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
