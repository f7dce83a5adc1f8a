"""What a measurement is measured against: this machine, in the same run.

The unit is the rate at which ``cryptography`` verifies the very signatures of
the load on two cores and nothing else. Beside it stand what a sync costs and
how much of the machine others used meanwhile.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CORES: Final = 2
QUIET_CORES_MAX: Final = 0.1
SYNC_BYTES: Final = 4096
SYNCS: Final = 60
SETTLE_SECONDS: Final = 0.02
LOOP: Final = 50


class Signed(NamedTuple):
    """One signature with all that is needed to verify it."""

    public: bytes
    message: bytes
    signature: bytes


class Rate(NamedTuple):
    """A rate of bare verification.

    Attributes:
        a_second: signatures a second of wall time, all loops together.
        cpu_us: CPU microseconds a signature.
    """

    a_second: float
    cpu_us: float


def verify_loop(signed: Sequence[Signed], start: float, seconds: float) -> Rate:
    """Return at which rate one thread verifies, with nothing around it.

    Args:
        signed: signatures to take in turn; all are valid.
        start: when to begin, on the monotonic clock.
        seconds: how long.
    """
    time.sleep(max(0.0, start - time.monotonic()))
    done = 0
    began, spent = time.monotonic(), time.thread_time()
    while time.monotonic() < began + seconds:
        for n in range(done, done + LOOP):
            public, message, signature = signed[n % len(signed)]
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        done += LOOP
    elapsed = time.monotonic() - began
    return Rate(done / elapsed, (time.thread_time() - spent) / done * 1e6)


class VerifyLimit:
    """Two processes that verify on call and sleep otherwise."""

    def __init__(self, signed: Sequence[Signed]) -> None:
        """Start the processes.

        Args:
            signed: signatures of the load; all are valid.
        """
        self._signed = list(signed)
        # Forked workers would inherit the ledger's lock and its memory.
        self._pool = ProcessPoolExecutor(CORES, mp_context=get_context("spawn"))
        self.measure(0.05)

    def measure(self, seconds: float, cores: int = CORES) -> Rate:
        """Return the rate of so many processes verifying at once."""
        start = time.monotonic() + SETTLE_SECONDS
        jobs = [
            self._pool.submit(verify_loop, self._signed, start, seconds)
            for _ in range(cores)
        ]
        rates = [job.result() for job in jobs]
        return Rate(
            sum(rate.a_second for rate in rates),
            sum(rate.cpu_us for rate in rates) / cores,
        )

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def sync_p50_ms(folder: Path) -> float:
    """Return the median milliseconds of appending a page and syncing it."""
    path = folder / "sync.probe"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(bytes(SYNC_BYTES))
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1e3)
    path.unlink()
    return median(taken)


class Watch:
    """Wall and CPU time since its start, and what others used meanwhile.

    Attributes:
        seconds: wall time at the last ``stop``.
        cpu_seconds: of this process, of its processes that have ended, and of
            those named.
        foreign_cores: cores that everything else kept busy; 0 if unknown.
    """

    def __init__(self, processes: Sequence[int] = ()) -> None:
        """Start now.

        Args:
            processes: ids of own processes that run on.
        """
        self.seconds = self.cpu_seconds = self.foreign_cores = 0.0
        self._processes = processes
        self._busy = busy_seconds()
        self._cpu = own_seconds(processes)
        self._began = time.perf_counter()

    def stop(self) -> None:
        """Take the times from the start up to now."""
        self.seconds = time.perf_counter() - self._began
        self.cpu_seconds = own_seconds(self._processes) - self._cpu
        if self._busy:
            foreign = busy_seconds() - self._busy - self.cpu_seconds
            self.foreign_cores = max(0.0, foreign / self.seconds)

    @property
    def quiet(self) -> bool:
        """Whether others used so little that the figures mean something."""
        return self.foreign_cores <= QUIET_CORES_MAX


def own_seconds(processes: Sequence[int] = ()) -> float:
    """Return CPU seconds of this process, its ended children and some others."""
    ended = os.times()
    own = time.process_time() + ended.children_user + ended.children_system
    return own + sum(map(process_seconds, processes))


def process_seconds(process: int) -> float:
    """Return CPU seconds of a process that runs, 0 if unknown."""
    try:
        told = Path(f"/proc/{process}/stat").read_text("ascii")
    except OSError:
        return 0.0
    # The name in brackets may hold anything; user and system follow its end.
    user, system = told.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Return seconds of CPU used on this machine since its start, 0 if unknown."""
    try:
        first = Path("/proc/stat").read_text("ascii").splitlines()[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, first.split()[1:9])
    ticks = user + nice + system + irq + soft + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes() -> int:
    """Return how much memory this process has, 0 if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def describe_machine() -> dict[str, str | int]:
    """Return what the figures depend on besides this software."""
    return {
        "cores": os.cpu_count() or 0,
        "cryptography": version("cryptography"),
        "load_average": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
    }
