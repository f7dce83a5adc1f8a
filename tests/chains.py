"""Deterministic blocks for storage tests: real links and roots, no real acts."""

from __future__ import annotations

import base64
from hashlib import sha256

from ledger.blocks import NO_HASH, Block, Header
from ledger.encoding import encode
from ledger.log import Log, hash_leaf, root_of

TIME_MS = 1_795_132_800_000
PAYLOAD_TYPE = "application/vnd.allonge.tx.v1+json"


def make_envelope(name: str, size_bytes: int = 300) -> bytes:
    """Return an envelope of the DSSE form whose signature nobody checks."""
    filler = sha256(name.encode()).hexdigest() * (size_bytes // 64 + 1)
    payload = encode({"act": "test.note", "name": name, "note": filler})
    kept = base64.b64encode(payload[: size_bytes * 3 // 4])
    signature = {"keyid": "00" * 32, "sig": base64.b64encode(bytes(64)).decode()}
    return encode_foreign(
        {
            "payload": kept.decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [signature],
        }
    )


def encode_foreign(value: object) -> bytes:
    """Return canonical bytes of an object whose keys are DSSE's."""
    import orjson  # noqa: PLC0415 - only this form of others needs it

    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Chain:
    """Makes one block after the other, as a single honest node would."""

    def __init__(self, seed: str = "", size_bytes: int = 300) -> None:
        """Start an empty chain; chains of other seeds differ in every block."""
        self.seed = seed
        self.size_bytes = size_bytes
        self.log = Log()
        self.blocks: list[Block] = []
        self.header: Header | None = None

    def seal(self, count: int) -> Block:
        """Return the next block with so many transactions."""
        height = len(self.blocks)
        names = [f"{self.seed}/{height}/{n}" for n in range(count)]
        transactions = tuple(make_envelope(name, self.size_bytes) for name in names)
        receipts = tuple(encode({"code": "ok", "name": name}) for name in names)
        events = tuple(encode({"event": "noted", "name": name}) for name in names)
        first = self.log.size
        for entry in transactions:
            self.log.append(entry)
        self.header = Header(
            count=count,
            first=first,
            height=height,
            log_root=self.log.root().hex(),
            prev=NO_HASH if self.header is None else self.header.hash.hex(),
            results_root=root_of([hash_leaf(raw) for raw in receipts]).hex(),
            rules="11" * 32,
            state_root="22" * 32,
            time=TIME_MS + height,
        )
        raw = self.header.encode()
        self.log.append(raw)
        block = Block(height, raw, transactions, receipts, events)
        self.blocks.append(block)
        return block

    def note(self) -> str:
        """Return the text of a checkpoint over the present log, unsigned."""
        root = base64.b64encode(self.log.root()).decode()
        return f"allonge/{'ab' * 16}\n{self.log.size}\n{root}\n\n"
