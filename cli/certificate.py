"""Papers: a receipt or a certificate of a holding as one HTML file, and proofs.

A paper loads nothing and runs nothing: a script in it would be its writer's own.
What it says stands in it a second time as data with the proof, so ``allonge proof
verify`` reads the paper itself, and the log's signed checkpoint in it.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any, Final

import click

from cli.amounts import format_amount
from cli.client import NodeClient
from cli.command import argument, reads
from cli.lookup import Holding, Lookup, name_holding
from cli.people import name_id
from cli.private import read_private, write_private
from cli.session import Session, node_option
from cli.signing.screen import leaves, name_path, show_moment
from cli.terminal import json_option, print_facts, print_json, print_note
from cli.typed import HOLDING, PATH, option
from ledger.blocks import Header
from ledger.encoding import JSONObject, decode, decode_base64, encode, encode_base64
from ledger.errors import LedgerError
from ledger.log import hash_leaf, verify_inclusion
from ledger.mapproofs import Leaf, Proof, check_opened, verify_tile
from ledger.statemap import commit_value, map_key

PROOF_VERSION: Final = "allonge.proof.v1"
PROOF_FIELDS: Final = frozenset(
    ("chain", "header", "items", "log", "parent", "record", "salts", "t")
)
CHAIN: Final = re.compile(r"[0-9a-f]{64}")
FILE_BYTES_MAX: Final = 4 * 2**20
# How often a checkpoint is read until it covers the block.
READS_MAX: Final = 5
WAIT_S: Final = 0.2
DATA_BEGIN: Final = '<script type="application/json" id="proof">'
DATA_END: Final = "</script>"
CLAIM: Final = (
    "A holding is an assigned part of a contractual claim, not a negotiable "
    "instrument: what protects its holder is the debtor's signed undertaking and "
    "the records of assignment and pledge. It says what stood at the block named "
    "here and may have been paid, passed on or pledged since."
)
STYLE: Final = (
    "body{font:11pt/1.45 Georgia,serif;max-width:46em;margin:2em auto;color:#111;"
    "background:#fff}h1{font-size:1.5em;border-bottom:2px solid}table{border-collapse:"
    "collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .6em;"
    "border-bottom:1px solid #bbb}th{width:30%}td{overflow-wrap:anywhere}"
    "@page{size:A4;margin:18mm}@media print{body{margin:0}tr{break-inside:avoid}}"
)


def draw_paper(title: str, rows: Mapping[str, object], note: str, data: Any) -> str:
    """Return an HTML page with facts, a note, and data that no text can end."""
    lines = [
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    ]
    # In a script "<" is the only character by which data could become markup.
    kept = encode(data).decode().replace("<", "\\u003c")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>\n<table>\n" + "\n".join(lines) + "\n</table>\n"
        f"<p>{escape(note)}</p>\n{DATA_BEGIN}{kept}{DATA_END}\n</body></html>\n"
    )


def save_receipt(session: Session, found: JSONObject, path: Path) -> None:
    """Write what became of a transaction, and all that was signed, as a paper."""
    from ledger.transactions import parse_transaction

    made = parse_transaction(decode_base64(found["envelope"]))
    name_of = Lookup(session).name_of
    header = next(session.client.items("/v1/headers", **{"from": found["height"]}))
    rows: dict[str, object] = {
        "Transaction": made.id,
        "Act": made.act,
        "Result": found["receipt"].get("code", "ok"),
        "Signed by": "; ".join(f"{name_of(item)} ({item})" for item in made.by),
        "Keys": "; ".join(each.key_id for each in made.envelope.signatures),
        "Rule": made.rule,
        "Block": f"{found['height']}, {show_moment(header['time'])}",
        "Chain": made.chain,
    }
    for place in sorted(leaves(made.body), key=str):
        value: Any = made.body
        for step in place:
            value = value[step]
        rows[name_path(place)] = value
    data = {"header": header, "t": "allonge.receipt.v1", "transaction": found}
    note = "The signed bytes and the block's header are in this file as data."
    write_private(path, draw_paper("Receipt", rows, note, data).encode())


def prove_holding(
    lookup: Lookup, holding: Holding
) -> tuple[dict[str, object], JSONObject]:
    """Return the facts of a holding, and its proof, as they stand at the head.

    Raises:
        LedgerError: those of the node, of ``prove_logged`` and ``verify_proof``.
    """
    session = lookup.session
    path = f"/v1/records/tile/{holding.tile['lo']}"
    found = session.client.get(path, scope=holding.receivable["id"])
    log = prove_logged(session, found["header"])
    data = {**found, "chain": session.chain, "log": log, "t": PROOF_VERSION}
    verify_proof(data, session.config.log_key)
    members = {
        row: "; ".join(f"{lookup.name_of(item)} ({item})" for item in items)
        for row, items in proven_members(data).items()
    }
    members["Passed on by"] = members["Passed on by"] or "nobody"
    return {**members, **proven_rows(data)}, data


def prove_logged(session: Session, header: JSONObject) -> JSONObject:
    """Return the log's signed checkpoint, and the proof that a header is under it.

    Raises:
        LedgerError: those of the node; ``node_busy``, it has signed none so far.
    """
    from ledger.checkpoint import parse_checkpoint, parse_note

    index = header["first"] + header["count"]
    for _ in range(READS_MAX):
        note = session.client.request("GET", "/v1/checkpoints/latest").raw
        size = parse_checkpoint(parse_note(note).text).size
        if size > index:
            path = f"/v1/log/inclusion?index={index}&size={size}"
            found = session.client.request("GET", path).value()
            proof = [encode_base64(bytes.fromhex(item)) for item in found["proof"]]
            return {"checkpoint": note.decode(), "inclusion": proof}
        time.sleep(WAIT_S)
    raise LedgerError("node_busy")


def proven_members(data: JSONObject) -> dict[str, list[str]]:
    """Return the members that each row of a certificate names, by their ids."""
    tile, claim = data["record"], data["parent"]
    return {
        "Holder": [tile["holder"]],
        "Debtor": [claim["debtor"]],
        "Supplier": [claim["supplier"]],
        "Passed on by": [link["member"] for link in tile.get("chain", [])],
    }


def proven_rows(data: JSONObject) -> dict[str, str]:
    """Return the other rows of a certificate, as its proof shows them."""
    from ledger.checkpoint import parse_checkpoint, parse_note

    tile, claim, header = data["record"], data["parent"], data["header"]
    currency = claim["currency"]
    note = parse_note(data["log"]["checkpoint"].encode())
    size = parse_checkpoint(note.text).size
    names = ", ".join(line.name for line in note.signatures)
    lo, hi = (format_amount(tile[end], currency) for end in ("lo", "hi"))
    return {
        "Amount": format_amount(tile["hi"] - tile["lo"], currency),
        "From and to": f"{lo} to {hi}",
        "Of a claim of": format_amount(claim["face_minor"], currency),
        "To be paid on": claim["adjusted_date"],
        "State": claim["state"],
        "Locks": ", ".join(str(lock["kind"]) for lock in tile.get("locks", []))
        or "none",
        "Pledged": "yes" if tile.get("pledge") else "no",
        "Holding": name_holding(claim, tile),
        "Receivable": claim["id"],
        "Block": f"{header['height']}, {show_moment(header['time'])}",
        "Chain": data["chain"],
        "Log": f"{size} leaves, signed as {names}: verified by who has its key",
    }


output_option = click.option(
    "-o", "--output", type=PATH, required=True, help="A new file."
)


@click.command("certificate")
@argument("holding", HOLDING)
@output_option
@reads
def certificate(lookup: Lookup, holding: Holding, output: Path) -> None:
    """Write a certificate of a HOLDING, to be printed or verified: one HTML file."""
    rows, data = prove_holding(lookup, holding)
    write_private(output, _draw_certificate(rows, data).encode())
    _tell(lookup.session, rows, output)


def _draw_certificate(rows: Mapping[str, object], data: JSONObject) -> str:
    title = f"Certificate of holding {rows['Holding']}"
    return draw_paper(title, rows, CLAIM, data)


@click.group("proof")
def proof() -> None:
    """Prove what you hold to somebody without access, and verify such proofs."""


@proof.command("holding")
@argument("holding", HOLDING)
@output_option
@reads
def proof_holding(lookup: Lookup, holding: Holding, output: Path) -> None:
    """Write the proof of a HOLDING as data; a certificate has the same inside."""
    rows, data = prove_holding(lookup, holding)
    write_private(output, encode(data))
    _tell(lookup.session, rows, output)


def _tell(session: Session, rows: Mapping[str, object], output: Path) -> None:
    if session.as_json:
        told = {name.lower().replace(" ", "_"): rows[name] for name in rows}
        print_json({**told, "output": str(output)})
    else:
        print_facts(rows)
    print_note(f"Written to {output}. To check it: run: allonge proof verify {output}")


@proof.command("verify")
@click.argument("file", type=PATH)
@option(
    "--log-key", "VKEY", "The log's key, as you know it from elsewhere.", default=""
)
@node_option
@json_option
def verify_command(file: Path, *, log_key: str, node_url: str, as_json: bool) -> None:
    """Check a proof or certificate in FILE; --log-key or --node says where it rests.

    Alone it shows that the holding stands under a header, and that header in the
    log of a checkpoint. Whether that is the chain's log says the signature, with
    the log's key, or a node; then nothing in the FILE is taken on trust.
    """
    text = _read_text(file)
    data = read_proof(file)
    facts = verify_proof(data, log_key)
    if DATA_BEGIN in text:
        _verify_words(text, data)
        facts["words"] = "as proven; but names are as written"
    if node_url:
        client = NodeClient(node_url)
        height = data["header"]["height"]
        rows = client.request("GET", f"/v1/headers?from={height}&limit=1").value()
        node = client.node()
        if node["chain"] != data["chain"]:
            raise LedgerError("wrong_chain", expected=data["chain"])
        if rows["items"] != [data["header"]]:
            raise LedgerError("proof_of_other_block", found=f"block {height}")
        since = node["height"] - height
        facts["header"] = f"the same at {node_url}; {since} blocks came after it"
    if as_json:
        print_json(facts)
        return
    print_facts(facts)
    if not node_url and not log_key:
        print_note(
            "No signature was verified: give the log's key, --log-key VKEY, or "
            "compare the block's hash with a node you trust, --node URL"
        )


def read_proof(path: Path) -> JSONObject:
    """Return the proof in a file or in a paper.

    Raises:
        LedgerError: those of ``read_private``; ``bad_paper``.
    """
    text = _read_text(path)
    inside = text.partition(DATA_BEGIN)[2].partition(DATA_END)[0]
    try:
        found = json.loads(inside) if inside else decode(text.encode())
    except (LedgerError, RecursionError, ValueError) as error:
        raise LedgerError("bad_paper", path=path) from error
    if not isinstance(found, dict):
        raise LedgerError("bad_paper", expected=PROOF_VERSION, path=path)
    return found


def _read_text(path: Path) -> str:
    raw = read_private(path, size_bytes_max=FILE_BYTES_MAX, forbidden_mode=0)
    return raw.decode("utf-8", "replace")


def _verify_words(text: str, data: JSONObject) -> None:
    """Raise ``bad_proof`` unless a paper says what its verified data show."""
    found = re.findall(r"<tr><th>(.*)</th><td>(.*)</td></tr>", text)
    rows = {unescape(name): unescape(value) for name, value in found}
    for name, value in proven_rows(data).items():
        if rows.get(name) != value:
            raise LedgerError("bad_proof", expected=value, found=rows.get(name, name))
    for name, members in proven_members(data).items():
        written = rows.get(name, "")
        if re.findall(r"\(([0-9a-f]{64})\)(?:;|$)", written) != members:
            raise LedgerError("bad_proof", expected="; ".join(members), found=written)
    # Whatever else stands on the page could say something else to the eye.
    if text != _draw_certificate(rows, data):
        raise LedgerError("bad_proof", expected="the page as it was written")


def verify_proof(data: JSONObject, log_key: str = "") -> JSONObject:
    """Return what a proof shows: who holds what of which claim under which block.

    Args:
        data: as read.
        log_key: that the checkpoint is signed by; empty to verify no signature.

    Raises:
        LedgerError: ``bad_paper``; ``bad_proof``; ``bad_block``; ``bad_vkey``,
            ``bad_key``; those of ``verify_checkpoint``.
    """
    try:
        known = data["t"] == PROOF_VERSION and data.keys() == PROOF_FIELDS
        if not known or not CHAIN.fullmatch(data["chain"]):
            raise LedgerError("bad_paper", expected=PROOF_VERSION)
        header = verify_standing(data)
        tile, claim = data["record"], data["parent"]
        if claim["kind"] != "receivable":
            raise LedgerError("bad_proof", expected="a receivable")
        face = format_amount(claim["face_minor"], claim["currency"])
        units = f"{tile['lo']} to {tile['hi']} minor units"
        return {
            "holder": str(tile["holder"]),
            "units": f"{units} of {name_id('receivable', claim['id'])}",
            "state": str(tile["state"]),
            "debtor": str(claim["debtor"]),
            "claim": f"{face}, due {claim['adjusted_date']}, {claim['state']}",
            "block": f"{header.height}, hash {header.hash.hex()}",
            "chain": str(data["chain"]),
            "header": "not compared with a node",
            "log": _verify_logged(data, header, log_key),
        }
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise LedgerError("bad_paper", expected=PROOF_VERSION) from error


def verify_standing(data: JSONObject) -> Header:
    """Return the header under which a tile stands alone, and its parent too.

    Raises:
        LedgerError: ``bad_proof``; ``bad_block``; ``bad_json``.
    """
    header = Header.decode(encode(data["header"]))
    shown = (data["record"], data["parent"])
    if (shown[0]["kind"], shown[0]["scope"]) != ("tile", shown[1]["id"]):
        raise LedgerError("bad_proof", expected=f"a tile of {shown[1]['id']}")
    leaves = [_leaf_of(*pair) for pair in zip(shown, data["salts"], strict=True)]
    proof = Proof.from_json(data["items"], leaves)
    verify_tile(bytes.fromhex(header.state_root), leaves[0], proof)
    check_opened(leaves[1], proof)
    return header


def _leaf_of(record: JSONObject, salt: str) -> Leaf:
    """Return as what a disclosed record stands in the state map."""
    if record["kind"] == "tile":
        key, pub = map_key("tile", record["scope"], "", record["lo"]), record["hi"]
    else:
        key, pub = map_key(record["kind"], "", record["id"]), 0
    return Leaf(key, pub, commit_value(decode_base64(salt), encode(record)))


def _verify_logged(data: JSONObject, header: Header, log_key: str) -> str:
    """Return in which log a header stands as which leaf, and who signed that."""
    from ledger import checkpoint

    note = str(data["log"]["checkpoint"]).encode()
    log = checkpoint.origin(data["chain"])
    head = checkpoint.parse_checkpoint(checkpoint.parse_note(note).text)
    if log_key:
        keys = [checkpoint.LogKey.from_vkey(log_key)]
        head = checkpoint.verify_checkpoint(note, log, keys)
    if head.origin != log:
        raise LedgerError("bad_checkpoint", expected=log, found=ascii(head.origin[:64]))
    proof = [decode_base64(item) for item in data["log"]["inclusion"]]
    leaf, index = hash_leaf(header.encode()), header.size - 1
    verify_inclusion(leaf, index, head.size, proof, head.root)
    signed = "signed with the key you gave" if log_key else "signature not verified"
    return f"leaf {index} of {head.size}, {signed}"
