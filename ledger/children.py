"""Processes of this software's own, which share nothing but two pipes.

A child inherits no lock, no memory and no open file but its pipes, and it runs
the code that stands beside this file, whatever the environment says. Before it
reads what a stranger wrote it gives up, for good, every system call but those
for memory, time and its open pipes: it cannot open a file, reach a network,
start a process or signal one. Limits on time and memory bound what is left.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from ledger.errors import LedgerError

FILES_MAX: Final = 16

Child = subprocess.Popen[bytes]


def start_child(module: str, *, stderr: int | None = None) -> Child:
    """Return a new process that runs ``main()`` of a module.

    Args:
        module: such as ``ledger.confined``.
        stderr: where its complaints go, as ``Popen`` takes it; here if None.
    """
    root = str(Path(__file__).resolve().parent.parent)
    start = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        f"from {module} import main; main()"
    )
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-I", "-B", "-c", start, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={},
        cwd="/",
        close_fds=True,
    )


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound this process: memory, time, no files to write, few to open."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: FILES_MAX,
    }
    for name, wanted in limits.items():
        _, most = resource.getrlimit(name)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(name, (value, value))


# Calls a computing process needs: memory, locks, time, signals of its own,
# and reading and writing what is open already. Everything else is refused.
_X86_64: Final = {
    "arch": 0xC000003E,
    "calls": (
        *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 24, 25, 28, 39),
        *(60, 131, 186, 202, 219, 228, 231, 318),
    ),
}
_AARCH64: Final = {
    "arch": 0xC00000B7,
    "calls": (
        *(57, 62, 63, 64, 65, 66, 67, 80, 93, 94, 98, 113, 124, 128, 132, 134),
        *(135, 139, 172, 178, 214, 215, 216, 222, 226, 233, 278),
    ),
}
_MACHINES: Final[dict[str, dict[str, Any]]] = {
    "x86_64": _X86_64,
    "aarch64": _AARCH64,
}
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1  # EPERM
_KILL: Final = 0x80000000


def build_filter(machine: str) -> bytes:
    """Return the filter of system calls for a machine, as BPF instructions.

    Raises:
        LedgerError: ``not_confined``, a machine whose numbers are not known.
    """
    known = _MACHINES.get(machine)
    if known is None:
        raise LedgerError("not_confined", found=machine)

    def step(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    # A call made for another architecture would carry other numbers.
    rows = [
        step(_LOAD, 0, 0, 4),
        step(_JUMP_EQUAL, 1, 0, known["arch"]),
        step(_RETURN, 0, 0, _KILL),
        step(_LOAD, 0, 0, 0),
    ]
    for call in known["calls"]:
        rows += [step(_JUMP_EQUAL, 0, 1, call), step(_RETURN, 0, 0, _ALLOW)]
    rows.append(step(_RETURN, 0, 0, _REFUSE))
    return b"".join(rows)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rows", ctypes.c_void_p)]


def confine_process() -> None:
    """Give up all system calls but those of a computing process, for good.

    Raises:
        LedgerError: ``not_confined``.
    """
    if sys.platform != "linux":
        raise LedgerError("not_confined", found=sys.platform)
    rows = build_filter(platform.machine())
    buffer = ctypes.create_string_buffer(rows, len(rows))
    program = _Program(len(rows) // 8, ctypes.addressof(buffer))
    call = ctypes.CDLL(None, use_errno=True).prctl
    call.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if call(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise LedgerError("not_confined", found=os.strerror(ctypes.get_errno()))
    if call(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0):
        raise LedgerError("not_confined", found=os.strerror(ctypes.get_errno()))
