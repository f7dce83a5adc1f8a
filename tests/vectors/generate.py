"""Makes the golden vectors, or says how the files differ from them.

``python -m tests.vectors.generate`` writes the files beside it; with
``--check`` it writes nothing and ends with 1 if any file differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger import names
from ledger.blocks import Block, Header
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.encoding import decode, encode, encode_base64, hex_digest
from ledger.kernel import MANIFEST, MANIFEST_HASH
from ledger.keys import VERIFIER_CASES
from ledger.loader import kit_hash, manifest_hash, rule_manifest, rulebook_hash
from ledger.log import (
    Log,
    hash_leaf,
    root_of,
    tile_path,
)
from ledger.mapproofs import Interval
from ledger.state import HEIGHT_BYTES, height_of, load_at, record_key
from ledger.statemap import StateMap, commit_value, derive_salt, map_key, scope_prefix
from ledger.transactions import (
    TYPE_POSSESSION,
    TYPE_TRANSACTION,
    job_id,
    object_id,
    parse_transaction,
    preimage,
    prove_possession,
)
from tests.lots import read_lot_sources
from tests.vectors.ledgers import (
    SECRET,
    TIME_MS,
    SmallLedger,
    build_ledger,
    key_of,
    seed_of,
)

HOME = Path(__file__).parent
LOG_NAME = "node-1.example"
LOG_KEY = 9  # the number of the log's key
KEYS = 4
LOG_LEAVES = 11
NESTED = "[" * 16 + "]" * 16

GOOD_JSON: list[tuple[str, Any]] = [
    ("empty object", {}),
    ("sorted keys", {"b": 1, "a": 2, "a_1": 3, "a1": 4}),
    ("integers at the bounds", [2**53 - 1, 1 - 2**53, 0]),
    ("booleans", [True, False]),
    ("short escapes", '\b\t\n\f\r"\\'),
    ("long escapes", "\x00\x01\x1f"),
    ("no escape for", "/\x7f\u2028é€😀"),
    ("no normalisation", ["é", "e\u0301"]),
    ("sixteen levels", json.loads(NESTED)),
]
BAD_JSON: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("space", b'{"a": 1}'),
    ("line feed after", b"{}\n"),
    ("byte order mark", b"\xef\xbb\xbf{}"),
    ("order", b'{"b":1,"a":2}'),
    ("key twice", b'{"a":1,"a":1}'),
    ("float", b"1.0"),
    ("exponent", b"1e3"),
    ("minus zero", b"-0"),
    ("leading zero", b"01"),
    ("plus", b"+1"),
    ("above the bound", b"9007199254740992"),
    ("below the bound", b"-9007199254740992"),
    ("null", b"null"),
    ("not a number", b"NaN"),
    ("key with a capital", b'{"A":1}'),
    ("key with a digit first", b'{"1":1}'),
    ("empty key", b'{"":1}'),
    ("lone surrogate", b'"\\ud800"'),
    ("pair of escaped surrogates", b'"\\ud83d\\ude00"'),
    ("surrogate in bytes", b'"\xed\xa0\x80"'),
    ("overlong bytes", b'"\xc0\x80"'),
    ("escaped letter", b'"\\u0041"'),
    ("escaped slash", b'"\\/"'),
    ("long for short escape", b'"\\u000a"'),
    ("escape in capitals", b'"\\u001F"'),
    ("raw control", b'"\x01"'),
    ("seventeen levels", ("[" + NESTED + "]").encode()),
    ("two values", b"{}{}"),
    ("comma at the end", b"[1,]"),
]


def make_encoding() -> Any:
    """Return canonical texts, and bytes that are refused."""
    return {
        "accepted": [
            {"name": name, "text": encode(value).decode()} for name, value in GOOD_JSON
        ],
        "refused": [{"hex": raw.hex(), "name": name} for name, raw in BAD_JSON],
    }


def make_keys(ledger: SmallLedger) -> Any:
    """Return key ids, proofs of possession and the verifier's verdicts."""
    chain = ledger.chain.chain_id
    rows = []
    for n in range(KEYS):
        key = key_of(n)
        payload = encode({"chain": chain, "key": key.key_id, "v": 1})
        rows.append(
            {
                "key_id": key.key_id,
                "possession": prove_possession(key, chain),
                "possession_payload": payload.decode(),
                "public": key.public.hex(),
                "seed": seed_of(n).hex(),
            }
        )
    cases = [
        {
            "admitted": case.admitted,
            "message": case.message.hex(),
            "name": case.name,
            "public": case.public,
            "signature": case.signature,
            "verified": case.verified,
        }
        for case in VERIFIER_CASES
    ]
    return {"chain": chain, "keys": rows, "type": TYPE_POSSESSION, "verifier": cases}


def make_transactions(ledger: SmallLedger) -> Any:
    """Return payloads, preimages, ids and envelopes; ids of objects and jobs."""
    rows = []
    for block in ledger.blocks[1:]:
        for raw in block.transactions:
            envelope = parse_transaction(raw).envelope
            rows.append(
                {
                    "envelope": raw.decode(),
                    "id": hex_digest(envelope.preimage),
                    "leaf_hash": hash_leaf(raw).hex(),
                    "payload": envelope.payload.decode(),
                    "preimage": preimage(TYPE_TRANSACTION, envelope.payload).decode(),
                }
            )
    source = rows[0]["id"]
    objects = [
        {"id": object_id(kind, source, n), "kind": kind, "n": n, "source": source}
        for kind, n in (("lot", 0), ("lot", 1), ("member", 0), ("payout", 2**32 - 1))
    ]
    jobs = [
        {
            "due_ms": due_ms,
            "id": job_id(ledger.lot, what, due_ms),
            "target": ledger.lot,
            "what": what,
        }
        for what, due_ms in (("end", TIME_MS + 60_000), ("due", 1))
    ]
    return {"jobs": jobs, "objects": objects, "transactions": rows}


def make_rules() -> Any:
    """Return manifests and the hashes of kit and rulebook."""
    files = read_lot_sources()
    manifest = rule_manifest("lot", 1, files)
    kit = kit_hash(files)
    manifests = {"lot": manifest_hash(manifest)}
    return {
        "files": [
            {"path": path, "sha256": hex_digest(source.encode()), "source": source}
            for path, source in sorted(files.items())
        ],
        "kernel": {"hash": MANIFEST_HASH, "manifest": MANIFEST.decode()},
        "kit": kit,
        "rules": [{"hash": manifests["lot"], "manifest": manifest.decode()}],
        "rulebook": rulebook_hash(kit, manifests),
    }


def describe_block(block: Block) -> Any:
    """Return a block as texts, with the roots of its parts."""
    header = Header.decode(block.header)
    return {
        "events": [raw.decode() for raw in block.events],
        "hash": header.hash.hex(),
        "header": block.header.decode(),
        "height": block.height,
        "leaves": [raw.decode() for raw in block.transactions],
        "receipts": [raw.decode() for raw in block.receipts],
        "results_root": root_of([hash_leaf(raw) for raw in block.receipts]).hex(),
        "size_after": header.size,
    }


def make_chain(ledger: SmallLedger) -> Any:
    """Return the blocks, and every record of the state after the last one."""
    state = ledger.chain.state
    records = []
    for key, stored in sorted(state.records.items()):
        raw, height = stored[HEIGHT_BYTES:], height_of(stored)
        salt = derive_salt(SECRET, key, height)
        record = decode(raw)
        records.append(
            {
                "height": height,
                "key": key.hex(),
                "pub": record["hi"] if record["kind"] == "tile" else 0,
                "record": raw.decode(),
                "salt": salt.hex(),
                "value": commit_value(salt, raw).hex(),
            }
        )
    return {
        "blocks": [describe_block(block) for block in ledger.blocks],
        "chain": ledger.chain.chain_id,
        "salt_secret": SECRET.hex(),
        "state": {"records": records, "root": state.map.root.hex()},
    }


def make_log() -> Any:
    """Return roots of small logs, all their proofs, and tiles."""
    entries = [f"entry {n}".encode() for n in range(LOG_LEAVES)]
    log = Log()
    for entry in entries:
        log.append(entry)
    sizes = range(1, LOG_LEAVES + 1)
    inclusion = [
        {
            "index": index,
            "proof": [node.hex() for node in log.inclusion_proof(index, size)],
            "size": size,
        }
        for size in sizes
        for index in range(size)
    ]
    consistency = [
        {
            "new": new,
            "old": old,
            "proof": [node.hex() for node in log.consistency_proof(old, new)],
        }
        for new in sizes
        for old in range(1, new + 1)
    ]
    places = ((0, 0, 256), (0, 67, 256), (0, 1067, 7), (1, 1234067, 256))
    return {
        "consistency": consistency,
        "entries": [entry.decode() for entry in entries],
        "inclusion": inclusion,
        "leaf_hashes": [hash_leaf(entry).hex() for entry in entries],
        "roots": [log.root(size).hex() for size in range(LOG_LEAVES + 1)],
        "tile": log.tile(0, 0, LOG_LEAVES).hex(),
        "tile_paths": [
            {
                "index": index,
                "level": level,
                "path": tile_path(level, index, width),
                "width": width,
            }
            for level, index, width in places
        ],
    }


def make_checkpoints(ledger: SmallLedger) -> Any:
    """Return the signed note of the log after each block."""
    key = key_of(LOG_KEY)
    chain = ledger.chain
    rows = []
    for block in ledger.blocks:
        size = Header.decode(block.header).size
        root = chain.log.root(size)
        text = encode_checkpoint(origin(chain.chain_id), size, root)
        rows.append(
            {
                "note": sign_note(text, LOG_NAME, key).decode(),
                "root": root.hex(),
                "size": size,
                "text": text,
            }
        )
    return {
        "checkpoints": rows,
        "name": LOG_NAME,
        "origin": origin(chain.chain_id),
        "seed": seed_of(LOG_KEY).hex(),
        "vkey": LogKey(LOG_NAME, key.public).to_vkey(),
    }


MAP_ITEMS = [
    ("lot", "", "a" * 64, None, 0),
    ("lot", "", "b" * 64, None, 0),
    ("member", "", "c" * 64, None, 0),
    ("total", "c" * 64, "give/CNY/2026-11-20", None, 0),
    ("tile", "a" * 64, "", 0, 500),
    ("tile", "a" * 64, "", 500, 900),
    ("tile", "a" * 64, "", 900, 2**53 - 1),
    ("tile", "b" * 64, "", 0, 1),
]


def make_map(ledger: SmallLedger) -> Any:
    """Return keys and roots of small maps, and proofs over the chain's state."""
    items = []
    for n, (kind, scope, item, lo, pub) in enumerate(MAP_ITEMS):
        key = map_key(kind, scope, item, lo)
        value = sha256(b"value %d" % n).digest()
        items.append((key, pub, value))
    rows = [
        {
            "id": item if lo is None else str(lo),
            "key": key.hex(),
            "kind": kind,
            "pub": pub,
            "scope": scope,
            "value": value.hex(),
        }
        for (kind, scope, item, lo, _), (key, pub, value) in zip(
            MAP_ITEMS, items, strict=True
        )
    ]
    return {
        "items": rows,
        "roots": [
            StateMap.build(items[:n]).root.hex() for n in range(len(MAP_ITEMS) + 1)
        ],
        "state": make_state_proofs(ledger),
    }


def make_state_proofs(ledger: SmallLedger) -> Any:
    """Return proofs of existence, absence and no overlap in the chain's state."""
    chain = ledger.chain
    state = chain.state

    def proof_of(kind: str, item: str, scope: str = "") -> Any:
        key = record_key(state.kinds[kind], item, scope)
        return {"items": prove([key]), "key": key.hex()}

    def prove(keys: list[bytes], free: Interval | None = None) -> Any:
        return state.map.prove(state.value_of, keys, free).to_json()

    scope = scope_prefix("tile", ledger.lot)
    absent = [proof_of("lot", "0" * 64), proof_of("tile", "1", ledger.lot)]
    free = [
        {
            "hi": hi,
            "items": prove([own], Interval(scope, lo, hi, own)),
            "lo": lo,
        }
        for lo, hi in ((0, 60_000), (60_000, 100_000))
        for own in (map_key("tile", ledger.lot, "", lo),)
    ]
    existing = [
        proof_of("lot", ledger.lot),
        proof_of("tile", "0", ledger.lot),
        proof_of("member", ledger.supplier),
    ]
    return {
        "absence": absent,
        "existence": existing,
        "no_overlap": free,
        "root": state.map.root.hex(),
        "scope": scope.hex(),
    }


def make_proofs(ledger: SmallLedger) -> Any:
    """Return proof files of both parts of the lot, and the key they rest on."""
    chain, key = ledger.chain, key_of(LOG_KEY)
    size = chain.header.size
    name = origin(chain.chain_id)
    note = sign_note(encode_checkpoint(name, size, chain.log.root()), LOG_NAME, key)
    inclusion = chain.log.inclusion_proof(size - 1, size)
    lot = load_at(chain.state, map_key("lot", "", ledger.lot))
    own = [map_key("tile", ledger.lot, "", lo) for lo in (0, 60_000)]
    tiles = [load_at(chain.state, key) for key in own]
    files = [
        {
            **chain.prove(tile, lot),
            "chain": chain.chain_id,
            "log": {
                "checkpoint": note.decode(),
                "inclusion": [encode_base64(item) for item in inclusion],
            },
            "parent": lot,
            "record": tile,
            "t": "allonge.proof.v1",
        }
        for tile in tiles
    ]
    return {
        "files": [encode(data).decode() for data in files],
        "vkey": LogKey(LOG_NAME, key.public).to_vkey(),
    }


def make_names() -> Any:
    """Return people's ids of hashes, and a few names of holdings."""
    hashes = [sha256(b"allonge vectors: name %d" % n).hexdigest() for n in range(3)]
    rows = [
        {"hash": full, "id": names.short_id(kind, full), "kind": kind}
        for full in ("0" * 64, "f" * 64, *hashes)
        for kind in sorted(names.KIND_LETTERS)
    ]
    holdings = [
        {
            "currency": currency,
            "lo": lo,
            "name": names.holding_name(hashes[0], lo, currency),
            "receivable": hashes[0],
        }
        for lo, currency in ((0, "CNY"), (6_000_001, "EUR"), (7, "JPY"), (1234, "BHD"))
    ]
    return {"holdings": holdings, "ids": rows, "letters": dict(names.KIND_LETTERS)}


def make_all() -> dict[str, Any]:
    """Return file name -> content of all vectors."""
    ledger = build_ledger()
    makers: dict[str, Callable[[], Any]] = {
        "chain": lambda: make_chain(ledger),
        "checkpoints": lambda: make_checkpoints(ledger),
        "encoding": make_encoding,
        "keys": lambda: make_keys(ledger),
        "log": make_log,
        "map": lambda: make_map(ledger),
        "names": make_names,
        "proofs": lambda: make_proofs(ledger),
        "rules": make_rules,
        "transactions": lambda: make_transactions(ledger),
    }
    return {f"{name}.json": make() for name, make in makers.items()}


def to_text(content: Any) -> str:
    """Return the content as it stands in its file."""
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def find_differences() -> list[str]:
    """Return the names of files that differ from what the code makes now."""
    made = {name: to_text(content) for name, content in make_all().items()}
    there = {path.name: path.read_text("utf-8") for path in HOME.glob("*.json")}
    return sorted(
        name for name in made.keys() | there.keys() if made.get(name) != there.get(name)
    )


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; return the exit code."""
    if arguments == ["--check"]:
        different = find_differences()
        sys.stdout.write(
            "\n".join(different or ["all vectors are as they were"]) + "\n"
        )
        return 1 if different else 0
    for name, content in make_all().items():
        (HOME / name).write_text(to_text(content), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
