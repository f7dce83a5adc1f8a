"""The audit of the demo: a copy in which one byte was changed, and the ledger.

The forger of the copy knows the format: all digests of the file are computed
anew, so that only what the ledger itself promises can give the change away.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Final

from cli.demo.stage import Stage, expect
from ledger.blocks import Block
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.export import Export, export_pieces
from ledger.transactions import TYPE_TRANSACTION, parse_envelope

FACE: Final = b'"face_minor":'


def verify_export(stage: Stage) -> JSONObject:
    """Export the ledger, and verify a forged copy and then the ledger itself."""
    file, copy = stage.path("ledger.export"), stage.path("forged.export")
    url = stage.session("auditor").config.node_url
    exported = stage.run("audit", "export", url, "-o", str(file), wallet="auditor")
    stage.voice.tell(
        f"the auditor exports {exported['blocks']} blocks with "
        f"{exported['transactions']} transactions"
    )
    height = stage.facts["confirmed_height"]
    told = forge_copy(file, copy, height)
    stage.voice.tell(
        f"in a copy one byte of block {height} is changed: Anchor Buyer confirms "
        f"{stage.money(told)}",
        "the forger makes all digests of the file fit",
    )
    forged = _verify(stage, copy)
    fault = forged.get("fault", {})
    expect(("TAMPERED", 20), (forged["verdict"], forged["exit"]), what="the copy")
    expect(height, fault.get("height"), what="the block named")
    stage.voice.tell(
        f"audit of the copy: {forged['verdict']} in block {fault['height']}, "
        f"{fault['code']}",
        f"    {fault['title']}; check {fault['check']}",
    )
    valid = _verify(stage, file)
    expect(("VALID", 0), (valid["verdict"], valid["exit"]), what="the ledger")
    for check in valid["checks"]:
        stage.voice.tell(f"    {check['number']} {check['name']}: {check['state']}")
    stage.voice.tell(
        f"audit of the ledger: {valid['verdict']}, {valid['signatures']} signatures, "
        f"{valid['blocks']} blocks replayed"
    )
    return {
        "blocks": valid["blocks"],
        "forged": {
            "block": fault["height"],
            "check": fault["check"],
            "code": fault["code"],
            "verdict": forged["verdict"],
        },
        "signatures": valid["signatures"],
        "transactions": valid["transactions"],
        "verdict": valid["verdict"],
    }


def _verify(stage: Stage, file: Path) -> JSONObject:
    words = ("audit", "verify", str(file), "--genesis", stage.facts["chain"])
    try:
        found: JSONObject = stage.run(*words)
    except LedgerError as error:
        if error.code != "not_confined":
            raise
        # These rules are our own, so they may run where nothing confines them.
        stage.voice.tell("this system cannot confine a replay: run without")
        found = stage.run(*words, "--unconfined")
    return found


def forge_copy(file: Path, copy: Path, height: int) -> int:
    """Write a copy of an export in which one byte of a block is another.

    Args:
        file: the export.
        copy: where to write.
        height: of a block whose first transaction confirms a face.

    Returns:
        The face that it confirms now, in minor units.
    """
    with file.open("rb") as stream, copy.open("xb") as target:
        export = Export(stream)
        blocks = list(export.blocks())
        blocks[height], told = _forge(blocks[height])
        target.writelines(export_pieces(export.facts, blocks))
    return told


def _forge(block: Block) -> tuple[Block, int]:
    raw = block.transactions[0]
    payload = parse_envelope(raw, TYPE_TRANSACTION).payload
    start = payload.index(FACE) + len(FACE)
    for digit in b"987654321":
        other = bytearray(payload)
        other[start] = digit
        forged = raw.replace(base64.b64encode(payload), base64.b64encode(other))
        # One byte of the payload is one or two letters of base64.
        if sum(a != b for a, b in zip(raw, forged, strict=True)) == 1:
            break
    else:
        raise LedgerError("demo_surprise", expected="a digit that changes one byte")
    told = int(bytes(other[start:]).partition(b",")[0])
    return replace(block, transactions=(forged, *block.transactions[1:])), told
