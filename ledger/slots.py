"""A few small facts kept next to the ledger, whole after any crash.

Names set by the node (``meta``) and the latest checkpoint do not belong to the
ledger and are in no hash. They are one small record with a sequence number;
the newest whole copy counts. One copy lies in SQLite, two more alternate in a
file of two slots, so that losing the database does not lose the memory of the
last checkpoint, and a torn write never harms the copy before it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ledger.blocklog import write_fully
from ledger.encoding import decode, digest, encode
from ledger.errors import LedgerError

FACTS: Final = "facts.slots"
SLOT_BYTES: Final = 32 * 1024

_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node remembers beside its ledger.

    Attributes:
        sequence: grows with every change.
        meta: names and texts set by the node.
        size: log size of the latest checkpoint, 0 if none.
        note: its signed note.
    """

    sequence: int = 0
    meta: dict[str, str] = field(default_factory=dict)
    size: int = 0
    note: str = ""

    def with_meta(self, name: str, value: str) -> Facts:
        """Return newer facts in which the name has this value."""
        meta = self.meta | {name: value}
        return replace(self, sequence=self.sequence + 1, meta=meta)

    def with_checkpoint(self, size: int, note: str) -> Facts:
        """Return newer facts with this checkpoint as the latest."""
        return replace(self, sequence=self.sequence + 1, size=size, note=note)

    def encode(self) -> bytes:
        """Return the bytes of one copy, with a digest in front.

        Raises:
            LedgerError: ``too_large``, they do not fit a slot.
        """
        # Names are the node's own, so they are values here and not keys.
        raw = encode(
            {
                "meta": [[name, self.meta[name]] for name in sorted(self.meta)],
                "note": self.note,
                "sequence": self.sequence,
                "size": self.size,
            }
        )
        if len(raw) + _DIGEST_BYTES + _LENGTH_BYTES > SLOT_BYTES:
            raise LedgerError("too_large", expected=f"{SLOT_BYTES} bytes of facts")
        return digest(raw) + raw

    @classmethod
    def decode(cls, copy: bytes) -> Facts | None:
        """Return the facts in this copy, or nothing if it is not whole."""
        raw = copy[_DIGEST_BYTES:]
        if len(copy) <= _DIGEST_BYTES or digest(raw) != copy[:_DIGEST_BYTES]:
            return None
        content = decode(raw)
        return cls(
            content["sequence"],
            dict(content["meta"]),
            content["size"],
            content["note"],
        )


def newest(copies: list[Facts | None]) -> Facts:
    """Return the newest whole copy; empty facts if there is none."""
    whole = [copy for copy in copies if copy is not None]
    return max(whole, key=lambda copy: copy.sequence, default=Facts())


class Slots:
    """The file of two slots."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is created by the first write."""
        self._path = path

    def read(self) -> list[Facts | None]:
        """Return what both slots hold; nothing for a slot that is not whole."""
        if not self._path.exists():
            return []
        raw = self._path.read_bytes()
        return [_read_slot(raw[:SLOT_BYTES]), _read_slot(raw[SLOT_BYTES:])]

    def write(self, facts: Facts) -> None:
        """Put the facts into the slot that does not hold the previous ones.

        The write is not synced: SQLite holds what must survive a power cut,
        and a checkpoint that is lost is signed again.

        Raises:
            OSError: the disk refused.
            LedgerError: ``too_large``.
        """
        copy = facts.encode()
        raw = len(copy).to_bytes(_LENGTH_BYTES, "big") + copy
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            write_fully(file, raw, SLOT_BYTES * (facts.sequence % 2))
        finally:
            os.close(file)


def _read_slot(raw: bytes) -> Facts | None:
    end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "big")
    return Facts.decode(raw[_LENGTH_BYTES:end])
