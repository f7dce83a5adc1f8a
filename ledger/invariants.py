"""Invariants over what one savepoint touched, and again over a whole block.

The kernel itself knows one: records of interval kinds tile their scope (I1).
What the sums of a receivable or an account must satisfy is declared by the
kit and checked in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.state import Kinds, Layer

Change = tuple[JSONObject | None, JSONObject | None]
CheckChanges = Callable[[list[Change]], str]


def touched(layer: Layer) -> list[Change]:
    """Return before and after of every record a layer changes."""
    layer.settle()
    return [(record, layer.after[key]) for key, record in layer.before.items()]


def check_layer(layer: Layer, declared: CheckChanges) -> None:
    """Return if the invariants hold over what a savepoint touched.

    Raises:
        LedgerError: ``invariant_broken``, with the invariant's name.
    """
    check_changes(touched(layer), layer.kinds, declared)
    layer.is_sound = True


def check_backstop(layer: Layer, declared: CheckChanges) -> None:
    """Return if the invariants hold over a whole block.

    What every savepoint left sound, and nobody has written since, is sound:
    sums of sound changes are. Anything else has all of it looked at again.

    Raises:
        LedgerError: ``invariant_broken``, with the invariant's name.
    """
    if not layer.is_sound:
        check_changes(touched(layer), layer.kinds, declared)


def check_changes(changes: list[Change], kinds: Kinds, declared: CheckChanges) -> None:
    """Return if the invariants hold over the touched records.

    Raises:
        LedgerError: ``invariant_broken``, with the invariant's name.
    """
    broken = check_intervals(changes, kinds) or declared(changes)
    if broken:
        raise LedgerError("invariant_broken", found=broken)


def check_intervals(changes: Iterable[Change], kinds: Kinds) -> str:
    """Return "I1" unless every touched scope covers what it covered before.

    Intervals may be cut, joined and relabelled; together they cover the same
    units once. A scope's first interval starts at 0 and may be any length.
    """
    before: dict[str, list[tuple[int, int]]] = {}
    after: dict[str, list[tuple[int, int]]] = {}
    for old, new in changes:
        # An interval that keeps its bounds covers what it covered.
        if not (
            old
            and new
            and old.get("lo") == new.get("lo")
            and old.get("hi") == new.get("hi")
        ):
            _gather(before, old, kinds)
            _gather(after, new, kinds)
    for scope in before.keys() | after.keys():
        old_runs = _join(before.get(scope, []))
        new_runs = _join(after.get(scope, []))
        if new_runs is None or old_runs is None:
            return "I1"
        if not old_runs and len(new_runs) == 1 and new_runs[0][0] == 0:
            continue
        if old_runs != new_runs:
            return "I1"
    return ""


def _gather(
    side: dict[str, list[tuple[int, int]]], record: JSONObject | None, kinds: Kinds
) -> None:
    if record is not None and kinds[record["kind"]].interval:
        row = (record["lo"], record["hi"])
        side.setdefault(record["kind"] + record["scope"], []).append(row)


def _join(intervals: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Return maximal runs, None if two intervals overlap or one is empty."""
    runs: list[tuple[int, int]] = []
    for lo, hi in sorted(intervals):
        if lo >= hi or (runs and lo < runs[-1][1]):
            return None
        if runs and lo == runs[-1][1]:
            runs[-1] = (runs[-1][0], hi)
        else:
            runs.append((lo, hi))
    return runs


def check_tiling(
    intervals: Mapping[str, list[tuple[int, int]]], faces: Mapping[str, int]
) -> str:
    """Return "I1" unless each scope's intervals tile ``[0, face)`` exactly.

    This is the full check of the audit, over a whole state.
    """
    for scope, face in faces.items():
        if _join(intervals.get(scope, [])) != [(0, face)]:
            return "I1"
    return ""
