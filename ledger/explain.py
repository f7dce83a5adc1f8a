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
from ledger.encoding import JSONObject
from ledger.replay import Explain
from ledger.sealing import Candidate
from ledger.state import Layer, State, read_record
from ledger.sweepcheck import Derivation, SweepAccount

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

    return follow


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
    for item in list(dict.fromkeys(_ids(named)))[:RECORDS_MAX]:
        for kind in kinds:
            before = read_record(state, kind, item)
            record = before or read_record(candidate.layer, kind, item)
            if record is not None:
                yield record


def _ids(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if _HEX_64.fullmatch(value):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _ids(item)


def describe_sweep(view: Layer, account: SweepAccount) -> JSONObject:
    """Return a sweep with the derivation of each group's share.

    Weights and remainders are decimal strings: they may be larger than the
    integers of canonical JSON.
    """
    sweep = account.sweep
    receivable = read_record(view, "receivable", sweep["receivable"]) or {}
    return {
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
