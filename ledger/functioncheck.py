"""The part of the subset that stands inside a rule's functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from ledger.sourcetext import refuse
from ledger.subset import (
    ARITHMETIC,
    CALLABLE_TYPES,
    CONSUMERS,
    CONTEXT_METHODS,
    FIELD_WORDS,
    FIXES,
    FUNCTIONS,
    KEYED,
    MEMBERSHIP,
    METHODS_ALLOWED,
    METHODS_REFUSED,
    OPERATOR_FIXES,
    TESTS,
    TYPES,
)

_PLAIN_VALUES: Final = (int, str, bool, type(None))
# Choices, results, and, or; a dict, where ** copies.
_PLAIN_NODES: Final = (
    *(ast.If, ast.IfExp, ast.Return, ast.Pass, ast.Break, ast.Continue),
    *(ast.BoolOp, ast.boolop, ast.Dict),
)


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of one file are.

    Attributes:
        path: of the file in the rulebook.
        kinds: module name -> ``kit``, ``class``, ``alias``, ``function``,
            ``rule`` or ``constant``.
        defined: names bound so far, read downwards.
        constants: values of the constants among them.
    """

    path: str
    kinds: dict[str, str] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    constants: dict[str, object] = field(default_factory=dict)

    def refuse(self, node: ast.AST, found: str, reason: str, fix: str) -> NoReturn:
        """Refuse the file for a node."""
        refuse(self.path, getattr(node, "lineno", 1), found, reason, fix)

    def check_new(self, node: ast.AST, name: str) -> None:
        """Accept a name that is free to be bound."""
        if name.startswith("__"):
            self.refuse(node, name, "it belongs to Python itself", "another name")
        if name in TYPES or name in FUNCTIONS:
            self.refuse(node, name, "it is a builtin", "another name")
        if name in self.kinds:
            self.refuse(
                node, f"{name} bound twice", "a name means one thing", "another name"
            )

    def check_constant(self, node: ast.Constant) -> None:
        """Accept a whole number, text, truth value or None."""
        if type(node.value) not in _PLAIN_VALUES:
            self.refuse(
                node,
                f"a constant of type {type(node.value).__name__}",
                "values are the same on every machine",
                "whole numbers, texts, truth values and None",
            )

    def check_attribute(self, node: ast.Attribute) -> None:
        """Accept the name of a field or method."""
        name = node.attr
        if name[0] == "_" or name.startswith("model_"):
            self.refuse(
                node, f".{name}", "the inside of objects is closed", "public fields"
            )

    def check_keywords(self, node: ast.Call) -> None:
        """Accept named arguments."""
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(node, "** in a call", "the length is not seen", "name each")
            if keyword.arg[0] == "_":
                self.refuse(node, keyword.arg, "it belongs to the kit", "leave it out")


def stored_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements bind, comprehensions and lambdas apart."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.comprehension):
            continue
        waiting.extend(ast.iter_child_nodes(node))


class FunctionCheck(ast.NodeVisitor):
    """Checks the body of one function; a node without a method is refused.

    Attributes:
        uses: functions of the file that are named in the body -> line.
    """

    def __init__(
        self,
        names: Names,
        known: set[str],
        contexts: set[str],
        check_annotation: Callable[[ast.expr], None],
    ) -> None:
        """Start in the function's scope.

        Args:
            names: of the file.
            known: parameters and local names.
            contexts: parameters that surely hold the context.
            check_annotation: accepts the type of a local name.
        """
        self._names = names
        self._known = known
        self._contexts = contexts
        self._check_annotation = check_annotation
        self._refuse = names.refuse
        self.uses: dict[str, int] = {}

    def generic_visit(self, node: ast.AST) -> None:
        """Accept what is as good as its parts; else it is not in the subset."""
        if isinstance(node, _PLAIN_NODES):
            self._visit_all(ast.iter_child_nodes(node))
            return
        name = type(node).__name__
        what = (name, "rules do without it", "see the list in contracts/README.md")
        self._refuse(node, *FIXES.get(name, what))

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # --- statements --------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        """Accept a call."""
        if isinstance(node.value, ast.Constant | ast.Name | ast.BinOp | ast.Compare):
            self._refuse(
                node, "a value without use", "it does nothing", "remove it, or pass"
            )
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Accept one target."""
        if len(node.targets) != 1:
            self._refuse(node, "a = b = …", "one name each", "two assignments")
        self.visit(node.value)
        self._check_target(node.targets[0])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Accept a local name with its type."""
        if not isinstance(node.target, ast.Name):
            self._refuse(node, "a type on this target", "names have types", "a name")
        self._check_annotation(node.annotation)
        self._visit_all([node.value])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Accept arithmetic on a name or on one entry of a local value."""
        self._check_operator(node, node.op)
        target = node.target
        self._check_target(target)
        if isinstance(target, ast.Subscript):
            index = target.slice
            is_field = isinstance(index, ast.Attribute) and isinstance(
                index.value, ast.Name
            )
            if not isinstance(index, ast.Name | ast.Constant) and not is_field:
                self._refuse(
                    node, "this index", "it would be computed twice", "name it first"
                )
        self.visit(node.value)

    def _check_target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            return
        if isinstance(node, ast.Tuple):
            for part in node.elts:
                if not isinstance(part, ast.Name | ast.Tuple):
                    self._refuse(node, "this target", "names unpack", "names only")
                self._check_target(part)
            return
        is_entry = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        if not (is_entry and isinstance(node, ast.Subscript)):
            self._refuse(
                node,
                "assignment to a field or expression",
                "objects of the kit stay as they are",
                "a local name, or an entry of one: row[key] = value",
            )
        self.visit(node.value)
        root = node.value
        if isinstance(root, ast.Name) and root.id not in self._known:
            self._refuse(
                node,
                f"assignment into {root.id}",
                "what the module holds must never change",
                "copy it: row = {**row}",
            )
        if isinstance(node.slice, ast.Slice):
            self._refuse(node, "assignment to a slice", "lists are rebuilt", "[*a, *b]")
        self.visit(node.slice)

    def visit_For(self, node: ast.For) -> None:
        """Accept a loop, charged by the turn."""
        self.visit(node.iter)
        self._check_target(node.target)
        self._check_loop(node)

    def visit_While(self, node: ast.While) -> None:
        """Accept a loop, charged by the turn."""
        self.visit(node.test)
        self._check_loop(node)

    def _check_loop(self, node: ast.For | ast.While) -> None:
        if node.orelse:
            self._refuse(node, "else on a loop", "readers misread it", "a flag")
        self._visit_all(node.body)

    # --- expressions -------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> None:
        """Accept plain values."""
        self._names.check_constant(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Accept a name that is bound and may be used as a value."""
        name = node.id
        if name in self._known:
            return
        kind = self._names.kinds.get(name, "")
        if kind == "function":
            self.uses.setdefault(name, node.lineno)
        elif kind in {"rule", "alias"}:
            self._refuse(
                node,
                f"{name} in a function",
                "declarations are over",
                "ctx, or a constant",
            )
        elif name in FUNCTIONS or name in TYPES:
            self._refuse(
                node,
                f"{name} as a value",
                "calls must be seen before they run",
                "call it",
            )
        elif not kind:
            self._refuse(
                node,
                f"the name {name}",
                "rules know what they bind or import, and a few builtins",
                "import it from the kit; see the list in contracts/README.md",
            )

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Accept the reading of a field."""
        self._names.check_attribute(node)
        if node.attr in METHODS_REFUSED - FIELD_WORDS:
            self._refuse_method(node)
        self.visit(node.value)

    def _refuse_method(self, node: ast.Attribute) -> NoReturn:
        self._refuse(
            node,
            f".{node.attr}",
            "its cost or result is not the same everywhere",
            "methods: " + " ".join(sorted(METHODS_ALLOWED)),
        )

    def visit_Call(self, node: ast.Call) -> None:
        """Accept a call whose function is known by name."""
        func = node.func
        if isinstance(func, ast.Attribute):
            self._check_method(func)
        elif isinstance(func, ast.Name):
            self._check_function(func)
        else:
            self._refuse(
                node, "call of a value", "calls must be seen before they run", "a name"
            )
        self._names.check_keywords(node)
        name = func.id if isinstance(func, ast.Name) else "." + func.attr
        for place, arg in enumerate(node.args):
            consumed = place == 0 and (name in CONSUMERS or name == ".join")
            if consumed and isinstance(arg, ast.GeneratorExp):
                self._visit_comprehension(arg, [arg.elt])
            else:
                self.visit(arg)
        for keyword in node.keywords:
            if keyword.arg == "key" and name in KEYED:
                self._check_sort_key(keyword.value)
            else:
                self.visit(keyword.value)

    def _check_method(self, node: ast.Attribute) -> None:
        self._names.check_attribute(node)
        owner = node.value
        on_context = isinstance(owner, ast.Name) and owner.id in self._contexts
        is_offered = on_context and node.attr in CONTEXT_METHODS
        if node.attr in METHODS_REFUSED and not is_offered:
            self._refuse_method(node)
        self.visit(owner)

    def _check_function(self, node: ast.Name) -> None:
        kind = self._names.kinds.get(node.id, "")
        if node.id in self._known or kind == "constant":
            self._refuse(
                node,
                f"call of the variable {node.id}",
                "calls must be seen before they run",
                "a function of the file or of the kit",
            )
        if node.id in TYPES and node.id not in CALLABLE_TYPES:
            fix = "{**row}, or a comprehension" if node.id == "dict" else "leave it out"
            self._refuse(node, f"call of {node.id}", "its cost is not seen", fix)
        if node.id not in FUNCTIONS and node.id not in TYPES:
            self.visit_Name(node)

    def _check_sort_key(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and self._names.kinds.get(node.id) == "function":
            self.visit_Name(node)
            return
        if not isinstance(node, ast.Lambda) or len(node.args.args) != 1:
            self._refuse(
                node,
                "this key",
                "calls must be seen before they run",
                "key=lambda row: (row[0], row[1]), or a function of the file",
            )
        args = node.args
        if (
            args.vararg
            or args.kwarg
            or args.posonlyargs
            or args.kwonlyargs
            or args.defaults
        ):
            self._refuse(node, "these parameters", "one row, one key", "lambda row: …")
        name = args.args[0].arg
        self._names.check_new(node, name)
        self._visit_inside({name}, [node.body])

    def _visit_inside(self, names: set[str], nodes: Iterable[ast.AST]) -> None:
        outside, contexts = self._known, self._contexts
        self._known, self._contexts = outside | names, contexts - names
        self._visit_all(nodes)
        self._known, self._contexts = outside, contexts

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Accept arithmetic on whole numbers, and + on texts, lists, tuples."""
        self._check_operator(node, node.op)
        for side in (node.left, node.right):
            is_text = isinstance(side, ast.Constant) and isinstance(side.value, str)
            if isinstance(node.op, ast.Add):
                continue
            if is_text or isinstance(side, ast.List | ast.Tuple | ast.Dict):
                self._refuse(
                    node,
                    f"{type(node.op).__name__} of a text or list",
                    "it formats or repeats without bound",
                    'a comprehension, or "-".join((a, str(b)))',
                )
        self._visit_all([node.left, node.right])

    def _check_operator(self, node: ast.AST, op: ast.operator) -> None:
        if not isinstance(op, ARITHMETIC):
            name = type(op).__name__
            self._refuse(
                node,
                f"operator {name}",
                "results are whole numbers of bounded size",
                OPERATOR_FIXES.get(name, "+ - * // %"),
            )

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Accept not and minus."""
        if not isinstance(node.op, ast.Not | ast.USub):
            self._refuse(node, type(node.op).__name__, "rules count", "not, or -")
        self.visit(node.operand)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Accept order, equality, membership; identity with None alone."""
        self._visit_all([node.left, *node.comparators])
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, MEMBERSHIP):
                if len(node.ops) > 1:
                    self._refuse(node, "a chain with in", "readers misread it", "and")
            elif not isinstance(op, TESTS):
                self._refuse(node, type(op).__name__, "rules compare values", "==")
            elif isinstance(op, ast.Is | ast.IsNot) and not (
                isinstance(right, ast.Constant) and right.value is None
            ):
                self._refuse(node, "is", "identity differs between Pythons", "==")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Accept an entry or a slice."""
        self.visit(node.value)
        if isinstance(node.slice, ast.Slice):
            part = node.slice
            self._visit_all([part.lower, part.upper, part.step])
        else:
            self.visit(node.slice)

    def visit_Tuple(self, node: ast.Tuple | ast.List) -> None:
        """Accept a tuple; * copies."""
        for part in node.elts:
            self.visit(part.value if isinstance(part, ast.Starred) else part)

    def visit_List(self, node: ast.List) -> None:
        """Accept a list; * copies."""
        self.visit_Tuple(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        """Accept, charged by the turn."""
        self._visit_comprehension(node, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        """Accept, charged by the turn."""
        self._visit_comprehension(node, [node.key, node.value])

    def _visit_comprehension(
        self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp, last: list[ast.expr]
    ) -> None:
        outside, contexts = self._known, self._contexts
        for generator in node.generators:
            if generator.is_async:
                self._refuse(node, *FIXES["AsyncFor"])
            self.visit(generator.iter)
            names = set(stored_names([generator.target]))
            for name in sorted(names):
                self._names.check_new(node, name)
            self._known, self._contexts = self._known | names, self._contexts - names
            if isinstance(generator.target, ast.Subscript | ast.Attribute | ast.List):
                self._refuse(node, "this target", "comprehensions bind names", "a name")
            self._check_target(generator.target)
            self._visit_all(generator.ifs)
        self._visit_all(last)
        self._known, self._contexts = outside, contexts
