"""Batches of signing files: kept before they are sent, sent many at once.

The journal of a batch and a batch on its way to more signatures are one form
of file; a transaction counts once, so the same bytes may be sent again::

    {"items":[<signing file>…],"t":"allonge.batch.v1"}
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from cli.client import NodeError
from cli.private import read_record, write_private
from cli.session import WAIT_S, Session
from cli.signing.file import SigningFile, decode_signing_file
from cli.terminal import describe_error
from ledger.encoding import JSONObject, decode, encode
from ledger.errors import LedgerError

VERSION: Final = "allonge.batch.v1"
FILE_BYTES_MAX: Final = 64 * 2**20
ITEMS_MAX: Final = 10_000
# A node takes 500 lines and 8 MiB in one request.
CHUNK_LINES: Final = 500
CHUNK_BYTES: Final = 7 * 2**20
SENDS_MAX: Final = 4
PAUSE_S: Final = 0.5
LINES_TYPE: Final = "application/x-ndjson"


def save_batch(path: Path, files: Iterable[SigningFile]) -> None:
    """Write a batch, complete and durable or not at all."""
    items = [decode(file.encode()) for file in files]
    write_private(path, encode({"items": items, "t": VERSION}), replace=True)


def read_batch(path: Path) -> list[SigningFile]:
    """Return the signing files of a batch.

    Raises:
        LedgerError: those of ``read_private``; ``bad_batch``.
    """
    found = read_record(path, VERSION, "bad_batch", FILE_BYTES_MAX)
    try:
        if not 0 < len(found["items"]) <= ITEMS_MAX:
            raise LedgerError("bad_batch", expected=VERSION)
        return [decode_signing_file(encode(item)) for item in found["items"]]
    except (LedgerError, KeyError, TypeError) as error:
        raise LedgerError("bad_batch", expected=VERSION, path=path) from error


def send_files(
    session: Session, files: Sequence[SigningFile], *, in_order: bool = False
) -> dict[str, JSONObject]:
    """Send signed files, many a request; return what became of each, by id.

    What is not answered is sent again as it is; a transaction counts once.

    Args:
        session: whose node is asked.
        files: signed.
        in_order: one a request, for a node takes many of one request in any
            order; the first that does not count ends it.

    Raises:
        LedgerError: the node refuses the request as a whole.
    """
    left = {file.transaction: file.envelope() for file in files}
    found: dict[str, JSONObject] = {}
    if not files:
        return found
    with show_progress("sent", len(files)) as bar:
        for attempt in range(SENDS_MAX):
            time.sleep(PAUSE_S * attempt)
            for chunk in _chunks(left, 1 if in_order else CHUNK_LINES):
                told = _send_chunk(session, chunk)
                found |= told
                bar.update(len(told))
                if in_order and not _all_count(chunk, told):
                    break
            left = {item: raw for item, raw in left.items() if item not in found}
            refused = [row for row in found.values() if row["status"] == "refused"]
            if not left or (in_order and refused):
                break
    for item in left:
        fix = "The same command again sends the same bytes."
        found[item] = {"code": "outcome_unknown", "fix": fix, "status": "unknown"}
    return found


def _all_count(chunk: dict[str, bytes], told: dict[str, JSONObject]) -> bool:
    return all(told.get(item, {}).get("status") == "committed" for item in chunk)


def _chunks(envelopes: dict[str, bytes], lines_max: int) -> Iterator[dict[str, bytes]]:
    chunk: dict[str, bytes] = {}
    size = 0
    for item, raw in envelopes.items():
        if len(chunk) == lines_max or size + len(raw) > CHUNK_BYTES:
            yield chunk
            chunk, size = {}, 0
        chunk[item] = raw
        size += len(raw) + 1
    if chunk:
        yield chunk


def _send_chunk(session: Session, chunk: dict[str, bytes]) -> dict[str, JSONObject]:
    """Return the final outcomes among those of one request."""
    raw = b"\n".join(chunk.values()) + b"\n"
    prefer = {"Prefer": f"wait={WAIT_S}"}
    try:
        answer = session.client.request(
            "POST", "/v1/transactions", raw, LINES_TYPE, prefer
        ).value()
    except LedgerError as error:
        if isinstance(error, NodeError) and error.status < 500 and error.status != 429:
            raise
        return {}
    rows = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(rows) != len(chunk):
        return {}
    pairs = zip(chunk, rows, strict=True)
    told = {item: _outcome(row) for item, row in pairs if isinstance(row, dict)}
    return {item: row for item, row in told.items() if row}


def _outcome(row: JSONObject) -> JSONObject:
    """Return what became of a line, empty if that is not certain yet."""
    if row.get("status") == "committed":
        receipt = row.get("receipt")
        code = receipt.get("code", "ok") if isinstance(receipt, dict) else "ok"
        if code != "ok":
            return {**describe_refusal(LedgerError(str(code))), "is_final": True}
        return {"height": row.get("height", -1), "status": "committed"}
    problem = row.get("problem")
    if row.get("status") != "refused" or not isinstance(problem, dict):
        return {}
    status = problem.get("status")
    error = NodeError(problem, status if type(status) is int else 400)
    return {} if error.row.kind in ("busy", "unavailable") else describe_refusal(error)


def describe_refusal(error: LedgerError) -> JSONObject:
    """Return why a line was refused, and what to do."""
    told = describe_error(error)
    parts = [str(told[name]) for name in ("title", "found") if told[name] != ""]
    return {
        "code": error.code,
        "fix": str(told["fix"]),
        "reason": ": ".join(parts),
        "status": "refused",
    }


def show_progress(label: str, length: int) -> Any:
    """Return a progress bar on stderr, hidden where that is no terminal."""
    return click.progressbar(
        length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )
