"""Files that only their owner may read or change: keys, passphrases, settings.

Every read is bounded and judges the open file, not its name, so that nothing
can be exchanged in between. Every write is complete and durable or absent.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import Final

from ledger.encoding import JSONObject, decode
from ledger.errors import LedgerError

OTHERS_READ: Final = 0o077
OTHERS_WRITE: Final = 0o022


def read_private(
    path: Path,
    *,
    size_bytes_max: int,
    forbidden_mode: int = OTHERS_READ,
    pipe: bool = False,
) -> bytes:
    """Return the bytes of a file that nobody else has access to.

    Args:
        path: the file; a symbolic link is followed and its target judged.
        size_bytes_max: larger files are refused, never cut.
        forbidden_mode: permission bits that must not be set.
        pipe: also accept a pipe, as a shell makes for ``<(command)``.

    Raises:
        LedgerError: ``file_missing``, ``file_unreadable``, ``file_exposed``
            or ``too_large``, in this order.
    """
    try:
        # Without O_NONBLOCK a named pipe in place of the file would hang us.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise LedgerError("file_missing", path=path) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        _check_open_file(handle, path, forbidden_mode, pipe=pipe)
        raw = _read_bounded(handle, size_bytes_max + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(handle)
    if len(raw) > size_bytes_max:
        raise LedgerError(
            "too_large", expected=f"at most {size_bytes_max} bytes", path=path
        )
    return raw


def read_record(path: Path, version: str, code: str, size_bytes_max: int) -> JSONObject:
    """Return the canonical JSON object of a file that nobody else may change.

    Args:
        path: of the file.
        version: what its ``t`` has to be.
        code: of the error, if it is another or none.
        size_bytes_max: larger files are refused.

    Raises:
        LedgerError: those of ``read_private``; ``code``.
    """
    raw = read_private(path, size_bytes_max=size_bytes_max, forbidden_mode=OTHERS_WRITE)
    try:
        found = decode(raw)
    except LedgerError as error:
        raise LedgerError(code, expected=version, path=path) from error
    if not isinstance(found, dict) or found.get("t") != version:
        raise LedgerError(code, expected=version, path=path)
    return found


def _unreadable(path: Path, error: OSError | ValueError) -> LedgerError:
    reason = error.strerror if isinstance(error, OSError) else "not a path"
    return LedgerError("file_unreadable", found=reason, path=path)


def _check_open_file(
    handle: int, path: Path, forbidden_mode: int, *, pipe: bool
) -> None:
    status = os.fstat(handle)
    if stat.S_ISFIFO(status.st_mode) and pipe:
        os.set_blocking(handle, True)
    elif not stat.S_ISREG(status.st_mode):
        raise LedgerError("file_unreadable", expected="a plain file", path=path)
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden_mode:
        raise LedgerError(
            "file_exposed",
            expected="mode 600",
            found=f"mode {mode:o}",
            path=path,
            fix=f"run: chmod 600 {shlex.quote(str(path))}",
        )
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise LedgerError(
            "file_exposed",
            expected=f"owner {os.geteuid()}",
            found=f"owner {status.st_uid}",
            path=path,
            fix=f"run: sudo chown {os.geteuid()} {shlex.quote(str(path))}",
        )


def _read_bounded(handle: int, size_bytes: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size_bytes:
        chunk = os.read(handle, size_bytes - len(chunks))
        if not chunk:
            break
        chunks += chunk
    return bytes(chunks)


def write_private(path: Path, raw: bytes, *, replace: bool = False) -> None:
    """Make ``path`` hold exactly ``raw``, durable, with mode 0600.

    A crash leaves the old file or the new one, never a part. Without
    ``replace`` two writers cannot both succeed.

    Raises:
        LedgerError: ``file_exists``, it is there and ``replace`` is false.
        OSError: the system refuses; ``path`` is as it was.
    """
    if not replace and os.path.lexists(path):
        raise LedgerError("file_exists", path=path)
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        _write_draft(draft, raw)
        if replace:
            draft.replace(path)
        else:
            # A link fails if the name is taken; a rename would overwrite it.
            _link_new(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def _write_draft(draft: Path, raw: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = os.open(draft, flags, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(raw)
        file.flush()
        os.fsync(handle)


def _link_new(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise LedgerError("file_exists", path=path) from error


def make_private_directory(path: Path) -> None:
    """Make the directory and its parents exist; new ones have mode 0700."""
    if path.is_dir():
        return
    make_private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
