"""``allonge errors``: every code with its cause and what to do about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import click

from cli.codes import CODES
from cli.terminal import exit_code, json_option, print_facts, print_json, print_table
from ledger.encoding import JSONObject
from ledger.errors import KINDS, Code, LedgerError

FIELDS: Final = ("code", "kind", "title", "cause", "fix")
OTHERS: Final = ("ledger", "contracts", "node")


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
    if as_json:
        print_json(describe(row))
        return
    print_facts(describe(row))


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

    Those of others are read from the sources as the literals they are: loading
    all of it would take seconds, and a wallet does not run a node's code.

    Args:
        named: look only where this text stands, which is quicker.
    """
    rows = {row.code: row for row in CODES}
    for source in sources(*OTHERS):
        if f'"{named}' in source:
            for row in codes_of(source):
                rows.setdefault(row.code, row)
    return rows


def sources(*packages: str) -> Iterator[str]:
    """Yield the text of every source file of these packages."""
    for package in packages:
        yield from _sources_in(files(package))


def _sources_in(folder: Traversable) -> Iterator[str]:
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir() and item.name != "__pycache__":
            yield from _sources_in(item)
        elif item.name.endswith(".py"):
            yield item.read_text("utf-8")


def codes_of(source: str) -> Iterator[Code]:
    """Yield the codes that a source file declares, rules' refusals among them."""
    tree = ast.parse(source)
    texts = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from _refusals(node, texts)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Code":
            parts = {
                name: _text(value, texts)
                for name, value in zip(FIELDS, node.args, strict=False)
            }
            for keyword in node.keywords:
                parts[keyword.arg or ""] = _text(keyword.value, texts)
            if all(isinstance(parts.get(name), str) for name in FIELDS):
                yield Code(*(str(parts[name]) for name in FIELDS))


def _refusals(node: ast.Dict, texts: dict[str, Any]) -> Iterator[Code]:
    """Yield the codes of a rule's table: name to kind, title, cause and fix."""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(value, ast.Tuple) and len(value.elts) == len(FIELDS) - 1:
            parts = [_text(part, texts) for part in (key or value, *value.elts)]
            if all(isinstance(part, str) for part in parts) and parts[1] in KINDS:
                yield Code(*parts)


def _text(node: ast.expr, texts: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    return node.value if isinstance(node, ast.Constant) else None
