"""``allonge errors``: every code with its cause and what to do about it."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import ast
from typing import Final

import click

from cli.terminal import exit_code, json_option, print_json, print_set, print_table
from contracts import read_sources
from ledger.encoding import JSONObject
from ledger.errors import Code, LedgerError, read_codes

ROOMS: Final = ("ledger", "node", "cli")


@click.command("errors")
@click.argument("code", required=False)
@json_option
def errors(*, code: str | None, as_json: bool) -> None:
    """Explain an error CODE, or list all codes."""
    rows = all_codes(code or "")
    if code is None:
        found = [describe(rows[name]) for name in sorted(rows)]
        if as_json:
            print_json({"items": found})
            return
        print_table(
            ("code", "exit", "what happened"),
            [(row["code"], row["exit"], row["title"]) for row in found],
            numeric=(1,),
        )
        return
    row = rows.get(code)
    if row is None:
        raise LedgerError("unknown_code", found=code[:64])
    print_set(describe(row), as_json=as_json)


def describe(row: Code) -> JSONObject:
    """Return a code as data, with the exit code of a command it ends."""
    return {
        "code": row.code,
        "title": row.title,
        "cause": row.cause,
        "fix": row.fix,
        "kind": row.kind,
        "exit": exit_code(row.code, row.kind),
    }


def all_codes(named: str = "") -> dict[str, Code]:
    """Return every code of ledger, node, wallet and installed rules, by name.

    Those of rules are read from the sources as the literals they are: loading
    them would take seconds.

    Args:
        named: look no further than for this code, which is quicker.
    """
    rows = {row.code: row for room in ROOMS for row in read_codes(room)}
    if named in rows:
        return rows
    from contracts.kit.v1.refusals import REFUSALS

    refusals = dict(REFUSALS)
    for source in read_sources().values():
        if f'"{named}' in source:
            refusals |= _refusals(source)
    return rows | {code: Code(code, *row) for code, row in refusals.items()}


def _refusals(source: str) -> dict[str, tuple[str, str, str, str]]:
    """Return the table that a rule's file declares: code to its other fields."""
    return {
        code: row
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.keyword) and node.arg == "refusals"
        for code, row in ast.literal_eval(node.value).items()
    }
