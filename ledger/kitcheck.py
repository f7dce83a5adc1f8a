"""The wider subset of the kit: reviewed code, kept away from the machine.

The kit may define classes, raise and catch; it may not import beyond a few
names, hold on to what fails, or compute what differs between machines.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from ledger.gas import KIT_BUILTINS
from ledger.sourcetext import refuse
from ledger.subset import KIT_MODULE, TYPES, words

# module -> names that may be imported from it; nothing listed: all public ones.
# Of typing and pydantic only what cannot turn a text into a type.
KIT_IMPORTS: Final[dict[str, frozenset[str]]] = {
    "collections.abc": frozenset(),
    "datetime": frozenset(("date", "timedelta")),
    "pydantic": frozenset(("AfterValidator", "BaseModel", "ConfigDict", "Field")),
    "pydantic.fields": frozenset(("FieldInfo",)),
    "typing": words(
        "Annotated Any Final Literal NamedTuple NoReturn Protocol TypedDict"
    ),
}
_INEXACT: Final = frozenset(("float", "complex"))
_PYDANTIC_REFUSED: Final = frozenset(("ImportString", "create_model", "validate_call"))
_ATTRIBUTES_REFUSED: Final = words(
    "ag_code ag_frame cr_code cr_frame ctime f_back f_builtins f_globals f_locals "
    "format format_map fromtimestamp gi_code gi_frame now parse_file parse_raw "
    "strftime tb_frame tb_next today"
)
_REFUSED: Final[dict[type[ast.AST], tuple[str, str, str]]] = {
    ast.Import: ("import", "names are imported one by one", "from … import …"),
    ast.AsyncFunctionDef: ("async", "the kit runs in one piece", "a plain function"),
    ast.Await: ("await", "the kit runs in one piece", "a plain call"),
    ast.Global: ("global", "nothing outlives an act but records", "the context"),
    ast.Nonlocal: ("nonlocal", "nothing outlives an act but records", "a return value"),
    ast.With: ("with", "it could hide a failure", "a plain call"),
    ast.Assert: ("assert", "it vanishes under -O", "raise"),
    ast.Div: ("/", "fractions are not exact", "//"),
    ast.MatMult: ("@", "it has no use here", "*"),
    ast.SetComp: ("set", "its order changes with the process", "a list or dict"),
    ast.Match: ("match", "a pattern reads attributes unseen", "if and elif"),
    ast.TryStar: ("except*", "it could hide the end of the gas", "except"),
}


def check_kit(path: str, tree: ast.Module) -> None:
    """Accept a file of the kit.

    Raises:
        LedgerError: ``rule_refused``.
    """
    nodes = list(ast.walk(tree))
    bound = {*KIT_BUILTINS, "__name__", *_bound_names(nodes)}
    members = {
        id(node.comparators[0])
        for node in nodes
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn)
    }
    for node in nodes:
        if type(node) in _REFUSED:
            _refuse(path, node, *_REFUSED[type(node)])
        if isinstance(node, ast.Set) and id(node) not in members:
            _refuse(path, node, *_REFUSED[ast.SetComp])
        if isinstance(node, ast.ImportFrom):
            _check_import(path, node, is_top=node in tree.body)
        _check_node(path, node, bound)
    for statement in _outer_statements(tree):
        for node in ast.walk(statement):
            if isinstance(node, ast.Subscript):
                _check_annotation(path, node)


def _check_node(path: str, node: ast.AST, bound: set[str]) -> None:
    if isinstance(node, ast.Constant | ast.Name | ast.Attribute):
        _check_leaf(path, node, bound)
    elif isinstance(node, ast.Try):
        _check_try(path, node)
    elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
        _check_annotation(path, node.annotation)
    elif isinstance(node, ast.Call):
        _check_call(path, node)


def _refuse(path: str, node: ast.AST, found: str, reason: str, fix: str) -> NoReturn:
    refuse(path, getattr(node, "lineno", 1), found, reason, fix)


def _bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _check_import(path: str, node: ast.ImportFrom, *, is_top: bool) -> None:
    module = node.module or ""
    allowed = KIT_IMPORTS.get(module)
    names = {alias.name for alias in node.names}
    if not is_top or node.level or names & {"*", *_PYDANTIC_REFUSED}:
        _refuse(
            path, node, f"this import of {module}", "readers see names at the top",
            "from contracts.kit.v1.part import name",
        )  # fmt: skip
    if not KIT_MODULE.fullmatch(module) and (
        allowed is None or (allowed and not names <= allowed)
    ):
        _refuse(
            path, node, f"import of {', '.join(sorted(names))} from {module}",
            "the kit is away from the machine", ", ".join(KIT_IMPORTS),
        )  # fmt: skip


def _check_leaf(
    path: str, node: ast.Constant | ast.Name | ast.Attribute, bound: set[str]
) -> None:
    if isinstance(node, ast.Constant):
        if type(node.value).__name__ in _INEXACT:
            _refuse(path, node, str(node.value), "fractions are not exact", "integers")
    elif isinstance(node, ast.Attribute):
        # Every name of Python's own leads to the globals of some module.
        if node.attr.startswith("__") or node.attr in _ATTRIBUTES_REFUSED:
            _refuse(
                path, node, f".{node.attr}", "it reaches the machine", "leave it out"
            )
    elif node.id not in bound:
        _refuse(path, node, f"the name {node.id}", "it is not offered", "see the list")
    elif node.id in TYPES and not isinstance(node.ctx, ast.Load):
        _refuse(path, node, f"{node.id} bound", "it is a builtin", "another name")


def _check_annotation(path: str, annotation: ast.expr) -> None:
    # A text in the place of a type is run with all builtins when models are made.
    waiting: list[ast.AST] = [annotation]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            _refuse(
                path, node, "a text as annotation", "it is run as a program",
                "the type itself, defined above",
            )  # fmt: skip
        is_literal = isinstance(node, ast.Subscript) and (
            isinstance(node.value, ast.Name) and node.value.id == "Literal"
        )
        if not is_literal and not isinstance(node, ast.Call):
            waiting.extend(ast.iter_child_nodes(node))


def _outer_statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs when the file is loaded: all outside of functions."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            waiting.extend(node.body)
        elif not isinstance(node, ast.FunctionDef):
            yield node


def _check_call(path: str, node: ast.Call) -> None:
    # Called, these make a class whose types may be texts.
    if isinstance(node.func, ast.Name) and (
        node.func.id in ("NamedTuple", "TypedDict")
        or (node.func.id == "type" and (len(node.args) != 1 or node.keywords))
    ):
        _refuse(
            path, node, f"a call of {node.func.id}", "it makes classes unseen",
            "a class statement",
        )  # fmt: skip


def _check_try(path: str, node: ast.Try) -> None:
    # OutOfGas is no Exception, so nothing else can catch it.
    if node.finalbody or any(handler.type is None for handler in node.handlers):
        _refuse(
            path, node, "finally or a bare except", "it could hold OutOfGas",
            "except ValueError",
        )  # fmt: skip
