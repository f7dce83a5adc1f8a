"""The gate for source files: the subset for rules, a wider one for the kit.

Rules get what is listed and nothing else: a node, name, method or position
that has no line in the tables or no method in the checks is refused, with
what to write instead. This is a lint for reviewed code: what a rule may cost
is bounded by the meter, and what it may do is decided by those who vote for
its bytes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ledger.errors import LedgerError
from ledger.functioncheck import FunctionCheck, Names, stored_names
from ledger.gas import INTEGER_MAX
from ledger.kitcheck import check_kit
from ledger.sourcetext import check_text, check_tokens, parse, refuse
from ledger.subset import (
    ARITHMETIC,
    FIELD_WORDS,
    FIXES,
    KIT_MODULE,
    KIT_PATH,
    METHODS_ALLOWED,
    METHODS_REFUSED,
    RULE_PATH,
    TYPES,
)

LEVELS_MAX: Final = 80
CALLS_MAX: Final = 24
CALL_FIX: Final = (
    "the stack is bounded by the form of the file",
    "a loop with a list of what is left to do",
)


def read_source(path: str, source: str) -> ast.Module:
    """Return the syntax tree of a file of the rulebook that may run.

    Args:
        path: ``receivable/circulation.py`` for a rule, ``kit/v1/rule.py``.
        source: the file's text.

    Raises:
        LedgerError: ``rule_refused`` with path, line, reason and fix.
    """
    is_rule = bool(RULE_PATH.fullmatch(path))
    if not is_rule and not KIT_PATH.fullmatch(path):
        raise LedgerError(
            "rule_refused", expected="rule/part.py or kit/v1/part.py", found=path
        )
    check_text(path, source)
    if is_rule:
        check_tokens(path, source)
    tree = parse(path, source)
    _check_levels(path, tree)
    if is_rule:
        _RuleFile(path).check(tree)
    else:
        check_kit(path, tree)
    return tree


def _check_levels(path: str, tree: ast.Module) -> None:
    nodes: list[ast.AST] = [tree]
    for _ in range(LEVELS_MAX):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
    deep = [node for node in nodes if hasattr(node, "lineno")]
    if deep:
        line: int = getattr(deep[0], "lineno", 1)
        refuse(
            path,
            line,
            f"more than {LEVELS_MAX} levels of nesting",
            "the depth of every walk is bounded",
            "split the function; elif counts as a level",
        )


class _RuleFile:
    """Checks one rule file from top to bottom."""

    def __init__(self, path: str) -> None:
        self._names = Names(path)
        self._refuse = self._names.refuse
        self._uses: dict[str, dict[str, int]] = {}  # function -> used -> line

    def check(self, tree: ast.Module) -> None:
        """Refuse the first thing that is not in the subset."""
        for statement in tree.body:
            for name, kind in _bindings(statement):
                self._names.check_new(statement, name)
                self._names.kinds[name] = kind
        for place, statement in enumerate(tree.body):
            if place == 0 and _is_text(statement):
                continue
            self._check_top(statement)
            self._names.defined.update(name for name, _ in _bindings(statement))
        if self._names.kinds.get("rule") != "rule":
            self._refuse(tree, "no rule", "a file declares one", "rule = Rule(…)")
        self._check_calls()

    # --- the module --------------------------------------------------------------

    def _check_top(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom):
            self._check_import(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            self._check_declaration(node)
        elif isinstance(node, ast.ClassDef):
            self._check_class(node)
        elif isinstance(node, ast.FunctionDef):
            self._check_function(node)
        else:
            name = type(node).__name__
            self._refuse(
                node,
                f"{FIXES.get(name, (name,))[0]} at the top of the file",
                "a rule declares; it does nothing while it is loaded",
                "kit imports, constants, payload classes and functions",
            )

    def _check_import(self, node: ast.ImportFrom) -> None:
        if node.level or not KIT_MODULE.fullmatch(node.module or ""):
            self._refuse(
                node, "import of " + (node.module or "."), *FIXES["Import"][1:]
            )
        for alias in node.names:
            if alias.asname or alias.name == "*" or alias.name[0] == "_":
                self._refuse(
                    node,
                    f"import of {alias.name}",
                    "readers look names up in the kit",
                    "import public names one by one, without as",
                )

    def _check_declaration(self, node: ast.Assign | ast.AnnAssign) -> None:
        if isinstance(node, ast.AnnAssign):
            self._check_annotation(node.annotation)
        value = node.value
        if value is None:
            self._refuse(node, "a name without value", "it means nothing", "NAME = …")
        name, kind = next(_bindings(node), ("", ""))
        if not name:
            self._refuse(node, "this assignment", "one name each", "NAME = value")
        if kind == "rule":
            self._check_rule(value)
        elif kind == "alias":
            self._check_annotation(value)
        else:
            self._names.constants[name] = self._compute(value)

    def _check_rule(self, node: ast.expr) -> None:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            self._refuse(node, "this rule", "the kit builds it", "rule = Rule(…)")
        if self._names.kinds.get(node.func.id) != "kit":
            self._refuse(node, node.func.id, "the kit builds it", "rule = Rule(…)")
        self._check_declared(node)

    def _check_declared(self, node: ast.expr) -> None:
        # Arguments of Rule(…) and of decorators: data, and names of the module.
        if isinstance(node, ast.Dict):
            parts: list[ast.expr | None] = [*node.keys, *node.values]
        elif isinstance(node, ast.Tuple):
            parts = [*node.elts]
        elif isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name):
                self._refuse(
                    node, "this call", "declarations are data", "a kit function"
                )
            self._check_kind(node.func, ("kit",))
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
            self._names.check_keywords(node)
        elif isinstance(node, ast.Name) and node.id not in self._names.constants:
            self._check_kind(node, ("kit", "class", "function"))
            return
        else:
            self._compute(node)
            return
        for part in parts:
            if part is None:
                self._refuse(node, "**", "declarations are data", "write the entries")
            self._check_declared(part)

    def _check_kind(self, node: ast.Name, kinds: tuple[str, ...]) -> None:
        if node.id not in self._names.defined:
            self._refuse(
                node,
                f"{node.id} is not bound above",
                "files are read downwards",
                "move it up",
            )
        if self._names.kinds[node.id] not in kinds:
            self._refuse(
                node,
                f"{node.id} here",
                "it is a " + self._names.kinds[node.id],
                "see README",
            )

    def _compute(self, node: ast.expr) -> object:
        """Return the value of a constant expression."""
        if isinstance(node, ast.Constant):
            self._names.check_constant(node)
            return node.value
        if isinstance(node, ast.Tuple):
            return tuple(self._compute(part) for part in node.elts)
        if isinstance(node, ast.Name) and node.id in self._names.constants:
            return self._names.constants[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._compute_number(node.operand)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC[:3]):
            left, right = map(self._compute_number, (node.left, node.right))
            value = _apply(node.op, left, right)
            if abs(value) < INTEGER_MAX:
                return value
        return self._refuse(
            node,
            "a value that is not constant",
            "what the module holds must never change",
            "a number, text, truth value or tuple; + - * of numbers",
        )

    def _compute_number(self, node: ast.expr) -> int:
        value = self._compute(node)
        if type(value) is not int:
            self._refuse(node, "arithmetic on this", "constants are simple", "a number")
        return value

    # --- types -----------------------------------------------------------------

    def _check_annotation(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and node.value is None:
            return
        if isinstance(node, ast.Name):
            if node.id not in TYPES:
                self._check_kind(node, ("kit", "class", "alias"))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            self._check_annotation(node.left)
            self._check_annotation(node.right)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            self._check_annotation(node.value)
            self._check_parameters(node.value.id, node.slice)
        else:
            self._refuse(
                node,
                "this annotation",
                "texts and calls in types would be executed",
                "names of types, […], | and None",
            )

    def _check_parameters(self, outer: str, node: ast.expr) -> None:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        if outer == "Literal":
            for part in parts:
                self._compute(part)
            return
        if outer == "Annotated":
            for part in parts[1:]:
                if not isinstance(part, ast.Call):
                    self._refuse(
                        part, "this bound", "the kit knows bounds", "bound(1, 9)"
                    )
                self._check_declared(part)
            parts = parts[:1]
        for part in parts:
            if not (isinstance(part, ast.Constant) and part.value is ...):
                self._check_annotation(part)

    def _check_class(self, node: ast.ClassDef) -> None:
        plain = len(node.bases) == 1 and isinstance(node.bases[0], ast.Name)
        if not plain or node.keywords or node.decorator_list or _has_parameters(node):
            self._refuse(
                node,
                "this class",
                "payload classes are plain data",
                "class Name(Payload): with no keyword and no decorator",
            )
        base = node.bases[0]
        if isinstance(base, ast.Name):
            self._check_kind(base, ("kit", "class"))
        for place, statement in enumerate(node.body):
            if isinstance(statement, ast.Pass) or (place == 0 and _is_text(statement)):
                continue
            self._check_field(statement)

    def _check_field(self, node: ast.stmt) -> None:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            self._refuse(
                node,
                f"{type(node).__name__} in a class",
                "payload classes are plain data",
                "name: Type, or name: Type = constant",
            )
        name = node.target.id
        is_taken = name in METHODS_REFUSED - FIELD_WORDS or name in METHODS_ALLOWED
        is_type = name in TYPES or self._names.kinds.get(name) in {
            "kit",
            "class",
            "alias",
        }
        if name[0] == "_" or name.startswith("model_") or is_taken or is_type:
            self._refuse(node, f"a field {name}", "the name is taken", "another name")
        self._check_annotation(node.annotation)
        if node.value is not None:
            self._compute(node.value)

    # --- functions ---------------------------------------------------------------

    def _check_function(self, node: ast.FunctionDef) -> None:
        if _has_parameters(node):
            self._refuse(node, "type parameters", "older Pythons lack them", "a type")
        for decorator in node.decorator_list:
            self._check_decorator(decorator)
        self._check_parameters_of(node.args)
        if node.returns is not None:
            self._check_annotation(node.returns)
        args = (*node.args.args, *node.args.kwonlyargs)
        stored = set(stored_names(node.body))
        known = {arg.arg for arg in args} | stored
        for name in sorted(known):
            self._names.check_new(node, name)
        contexts = {arg.arg for arg in args if _is_context(arg)} - stored
        body = FunctionCheck(self._names, known, contexts, self._check_annotation)
        for place, statement in enumerate(node.body):
            if place > 0 or not _is_text(statement):
                body.visit(statement)
        self._uses[node.name] = body.uses

    def _check_decorator(self, node: ast.expr) -> None:
        func = node.func if isinstance(node, ast.Call) else None
        owner = func.value if isinstance(func, ast.Attribute) else None
        if not (
            isinstance(node, ast.Call)
            and isinstance(func, ast.Attribute)
            and isinstance(owner, ast.Name)
            and owner.id == "rule"
        ):
            self._refuse(
                node,
                "this decorator",
                "the rule alone calls functions",
                "@rule.action(…)",
            )
        self._check_kind(owner, ("rule",))
        self._names.check_attribute(func)
        self._names.check_keywords(node)
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._check_declared(value)

    def _check_parameters_of(self, args: ast.arguments) -> None:
        if args.vararg or args.kwarg or args.posonlyargs:
            node = args.vararg or args.kwarg or args.posonlyargs[0]
            self._refuse(node, "* or / in parameters", "calls are plain", "name each")
        for arg in (*args.args, *args.kwonlyargs):
            if arg.annotation is not None:
                self._check_annotation(arg.annotation)
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self._compute(default)

    def _check_calls(self) -> None:
        depths: dict[str, int] = {}

        def measure(name: str, line: int, above: tuple[str, ...]) -> int:
            if name in above:
                self._refuse(_at(line), "recursion", *CALL_FIX)
            if name not in depths:
                path, used = (*above, name), self._uses.get(name, {}).items()
                below = (measure(inner, at, path) for inner, at in used)
                depths[name] = 1 + max(below, default=0)
            if depths[name] > CALLS_MAX or len(above) > CALLS_MAX:
                self._refuse(_at(line), f"over {CALLS_MAX} calls deep", *CALL_FIX)
            return depths[name]

        for name, uses in self._uses.items():
            measure(name, min(uses.values(), default=1), ())


def _at(line: int) -> ast.AST:
    return ast.Pass(lineno=line, col_offset=0)


def _is_text(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def _is_context(node: ast.arg) -> bool:
    return isinstance(node.annotation, ast.Name) and node.annotation.id == "Context"


def _has_parameters(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return bool(getattr(node, "type_params", ()))


def _bindings(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names a statement of the module binds, and what they are."""
    if isinstance(node, ast.ImportFrom):
        yield from ((alias.name, "kit") for alias in node.names)
    elif isinstance(node, ast.FunctionDef):
        yield node.name, "function"
    elif isinstance(node, ast.ClassDef):
        yield node.name, "class"
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            yield targets[0].id, _kind_of(targets[0].id, node.value)


def _kind_of(name: str, value: ast.expr | None) -> str:
    if name == "rule":
        return "rule"
    is_union = isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)
    return "alias" if is_union or isinstance(value, ast.Subscript) else "constant"


def _apply(op: ast.operator, left: int, right: int) -> int:
    if isinstance(op, ast.Add):
        return left + right
    return left - right if isinstance(op, ast.Sub) else left * right
