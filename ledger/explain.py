"""What a block did, with the figures behind every cent of its sweeps.

This gathers, on the state in which the block was executed, the records that
its transactions name and the derivation of each sweep it ended. Words are for
those who show it; here are only facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ledger.blocks import Block
from ledger.encoding import JSONObject, load_record
from ledger.replay import Explain
from ledger.sealing import Candidate
from ledger.state import Layer, State, read_record
from ledger.sweepcheck import Derivation, SweepAccount
from ledger.written import texts_of

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
RECORDS_MAX: Final = 2_000


def explain_at(height: int, answer: JSONObject) -> Explain:
    """Return a follower of a replay that fills an answer at one height.

    Args:
        height: of the block to explain, from 1.
        answer: gets ``sweeps`` and ``records``.
    """

    def follow(
        state: State, block: Block, candidate: Candidate, accounts: list[SweepAccount]
    ) -> None:
        if block.height != height:
            return
        answer["sweeps"] = [describe_sweep(candidate.layer, item) for item in accounts]
        answer["records"] = list(_named_records(state, candidate, accounts))
        answer["balances"] = list(sum_balances(state, candidate.layer))

    return follow


def sum_balances(state: State, layer: Layer) -> Iterator[JSONObject]:
    """Yield what each member holds, is to be paid and was paid after a block.

    Args:
        state: before the block.
        layer: what the block changed.
    """
    rows: dict[tuple[str, str], JSONObject] = {}
    currencies: dict[str, str] = {}
    tiles: list[JSONObject] = []

    def add(member: str, currency: str, name: str, amount_minor: int) -> None:
        empty = {"claims_minor": 0, "owed_minor": 0, "paid_minor": 0}
        names = {"currency": currency, "member": member}
        rows.setdefault((member, currency), names | empty)[name] += amount_minor

    for key in sorted({*state.records, *layer.writes}):
        raw = layer.get(key)
        record = {} if raw is None else load_record(raw)
        kind = record.get("kind")
        if kind == "receivable":
            currencies[record["id"]] = record["currency"]
        elif kind == "tile" and record["state"] == "live":
            tiles.append(record)
        elif kind == "payout" and record["amount_minor"]:
            name = "paid_minor" if record["state"] == "paid" else "claims_minor"
            add(record["payee"], record["currency"], name, record["amount_minor"])
    for tile in tiles:
        units = tile["hi"] - tile["lo"]
        add(tile["holder"], currencies[tile["scope"]], "owed_minor", units)
    yield from (rows[name] for name in sorted(rows))


def _named_records(
    state: State, candidate: Candidate, accounts: Iterable[SweepAccount]
) -> Iterator[JSONObject]:
    """Yield the records behind the ids of a block, as they stood before."""
    named: list[object] = [
        [*transaction.by, transaction.body] for transaction in candidate.transactions
    ]
    for account in accounts:
        named.append(account.sweep["receivable"])
        named += [line["holder"] for line in account.lines]
    kinds = [kind.name for kind in state.kinds.values() if not kind.scoped]
    ids = dict.fromkeys(text for text in texts_of(named) if _HEX_64.fullmatch(text))
    for item in [*ids][:RECORDS_MAX]:
        for kind in kinds:
            before = read_record(state, kind, item)
            record = before or read_record(candidate.layer, kind, item)
            if record is not None:
                yield record


def describe_sweep(view: Layer, account: SweepAccount) -> JSONObject:
    """Return a sweep with the derivation of each group's share.

    Weights and remainders are decimal strings: they may be larger than the
    integers of canonical JSON.
    """
    sweep = account.sweep
    receivable = read_record(view, "receivable", sweep["receivable"]) or {}
    return {
        "contested": [_describe(row) for row in account.contested],
        "currency": receivable["currency"],
        "days_late": account.days,
        "face_minor": receivable["face_minor"],
        "interest": [_describe(row) for row in account.interest],
        "interest_due": [_describe(row) for row in account.interest_due],
        "interest_minor": sweep["interest_minor"],
        "interest_total_minor": account.interest_total_minor,
        "late_ppm": sweep["late_ppm"],
        "lines": [_describe_line(line) for line in account.lines],
        "principal": [_describe(row) for row in account.principal],
        "principal_minor": sweep["principal_minor"],
        "receipt": sweep["receipt"],
        "receivable": sweep["receivable"],
        "sweep": sweep["id"],
        "value_date": sweep["value_date"],
    }


def _describe(row: Derivation) -> JSONObject:
    holder, pledge, recourse_class = row.name.split("/")
    described: JSONObject = {
        "extra": row.extra,
        "holder": holder,
        "lowest_unit": row.key,
        "quotient": str(row.quotient),
        "remainder": str(row.remainder),
        "share_minor": row.share_minor,
        "weight": str(row.weight),
        "weight_sum": str(row.weight_sum),
    }
    if pledge:
        described["pledge"] = pledge
    if recourse_class:
        described["recourse_class"] = recourse_class
    return described


def _describe_line(line: JSONObject) -> JSONObject:
    kept = ("claimed_minor", "holder", "id", "interest_minor", "principal_minor")
    described = {name: line[name] for name in kept}
    if "payout" in line:
        described["payout"] = line["payout"]
    return described
