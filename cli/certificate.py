"""Papers: a receipt or a certificate of a holding as one HTML file, and proofs.

A paper loads nothing and runs nothing. What it says stands in it a second time
as data with the proof, so ``allonge proof verify`` reads the paper itself.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import json
import re
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
from cli.typed import HOLDING, PATH
from ledger.encoding import JSONObject, decode_base64, encode
from ledger.errors import LedgerError

PROOF_VERSION: Final = "allonge.proof.v2"
FILE_BYTES_MAX: Final = 4 * 2**20
# How often two records are read until no block came between.
READS_MAX: Final = 5
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
        LedgerError: those of the node; ``node_busy``, blocks came between all reads.
    """
    session, receivable = lookup.session, holding.receivable
    for _ in range(READS_MAX):
        tile = session.client.get(
            f"/v1/records/tile/{holding.tile['lo']}", scope=receivable["id"]
        )
        claim = session.client.get(f"/v1/records/receivable/{receivable['id']}")
        # A block in between would put the two under different headers.
        if claim["header"] == tile["header"]:
            break
    else:
        raise LedgerError("node_busy")
    kept = {name: claim[name] for name in ("proof", "record", "salt")}
    data = {"chain": session.chain, "receivable": kept, "t": PROOF_VERSION}
    data["tile"] = tile
    members = {
        row: "; ".join(f"{lookup.name_of(item)} ({item})" for item in items)
        for row, items in proven_members(data).items()
    }
    members["Passed on by"] = members["Passed on by"] or "nobody"
    return {**members, **proven_rows(data)}, data


def proven_members(data: JSONObject) -> dict[str, list[str]]:
    """Return the members that each row of a certificate names, by their ids."""
    tile, claim = data["tile"]["record"], data["receivable"]["record"]
    return {
        "Holder": [tile["holder"]],
        "Debtor": [claim["debtor"]],
        "Supplier": [claim["supplier"]],
        "Passed on by": [link["member"] for link in tile.get("chain", [])],
    }


def proven_rows(data: JSONObject) -> dict[str, str]:
    """Return the other rows of a certificate, as its proof shows them."""
    tile, header = data["tile"]["record"], data["tile"]["header"]
    claim = data["receivable"]["record"]
    currency = claim["currency"]
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
@node_option
@json_option
def verify_command(file: Path, *, node_url: str, as_json: bool) -> None:
    """Check a proof or certificate in FILE; with --node also where it rests.

    Without a node it shows that the holding stands under the header named in
    the FILE; whether that header is the chain's is what a node, or a verified
    export, tells.
    """
    text = _read_text(file)
    data = read_proof(file)
    facts = verify_proof(data)
    if DATA_BEGIN in text:
        _verify_words(text, data)
        facts["words"] = "as proven; but names are as written"
    if node_url:
        client = NodeClient(node_url)
        height = data["tile"]["header"]["height"]
        rows = client.request("GET", f"/v1/headers?from={height}&limit=1").value()
        node = client.node()
        if node["chain"] != data["chain"]:
            raise LedgerError("wrong_chain", expected=data["chain"])
        if rows["items"] != [data["tile"]["header"]]:
            raise LedgerError("proof_of_other_block", found=f"block {height}")
        since = node["height"] - height
        facts["header"] = f"the same at {node_url}; {since} blocks came after it"
    if as_json:
        print_json(facts)
        return
    print_facts(facts)
    if not node_url:
        print_note("Compare the block's hash with a node you trust: --node URL")


def read_proof(path: Path) -> JSONObject:
    """Return the proof in a file or in a paper.

    Raises:
        LedgerError: those of ``read_private``; ``bad_paper``.
    """
    text = _read_text(path)
    if DATA_BEGIN in text:
        text = text.partition(DATA_BEGIN)[2].partition(DATA_END)[0]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise LedgerError("bad_paper", path=path) from error
    if not isinstance(found, dict) or found.get("t") != PROOF_VERSION:
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


def verify_proof(data: JSONObject) -> JSONObject:
    """Return what a proof shows: who holds what of which claim under which block.

    Raises:
        LedgerError: ``bad_paper``; ``bad_proof``; ``bad_block``.
    """
    from ledger.blocks import Header
    from ledger.mapproofs import RangeProof, verify_no_overlap
    from ledger.statemap import map_key

    try:
        found, claim = data["tile"], data["receivable"]["record"]
        tile, header = found["record"], Header.decode(encode(found["header"]))
        lo, hi, receivable = tile["lo"], tile["hi"], str(claim["id"])
        place = map_key("tile", receivable, str(lo), lo)
        is_it = (tile["kind"], tile["scope"]) == ("tile", receivable)
        if not is_it or found["key"] != place.hex() or found["pub"] != hi:
            raise LedgerError("bad_proof", expected=f"the tile at {lo}")
        root = bytes.fromhex(header.state_root)
        _verify_record(root, place, hi, found)
        free = RangeProof.from_json(found["no_overlap"])
        verify_no_overlap(root, place[:16], lo, hi, free, allow=place)
        if claim["kind"] != "receivable":
            raise LedgerError("bad_proof", expected="a receivable")
        own = map_key("receivable", "", receivable)
        _verify_record(root, own, 0, data["receivable"])
        face = format_amount(claim["face_minor"], claim["currency"])
        return {
            "holder": str(tile["holder"]),
            "units": f"{lo} to {hi} minor units of {name_id('receivable', receivable)}",
            "state": str(tile["state"]),
            "debtor": str(claim["debtor"]),
            "claim": f"{face}, due {claim['adjusted_date']}, {claim['state']}",
            "block": f"{header.height}, hash {header.hash.hex()}",
            "chain": str(data["chain"]),
            "header": "not compared with a node",
        }
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError("bad_paper", expected=PROOF_VERSION) from error


def _verify_record(root: bytes, key: bytes, pub: int, found: JSONObject) -> None:
    """Raise ``bad_proof`` unless a record stands at a key under a root."""
    from ledger.mapproofs import Proof, verify_existence
    from ledger.statemap import commit_value

    value = commit_value(bytes.fromhex(found["salt"]), encode(found["record"]))
    verify_existence(root, key, pub, value, Proof.from_json(found["proof"]))
