"""Puts the meter into the syntax tree of a checked file.

Each function entry and each turn of a loop or comprehension is charged with
the steps written in it, nested loops apart; a step is a statement, call,
operation, comparison or subscript. Rules also get the bounded forms of
operators and methods; the kit, which is reviewed as part of this software, is
metered but computes as it is written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final, cast

_STEPS: Final = (ast.stmt, ast.Call, ast.BinOp, ast.Compare, ast.Subscript)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_TYPES: Final = frozenset(("int", "str", "list", "tuple", "dict"))
_BOUNDED: Final = {
    "endswith": "@weigh",
    "get": "@key",
    "setdefault": "@key",
    "startswith": "@weigh",
}
_SCALAR_CALLS: Final = frozenset(("abs", "all", "any", "bool", "int", "len", "sum"))
_GROWING: Final = (ast.Add, ast.Sub)
_NUMERIC: Final = (ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)

# The local count of a function; no source can spell it. Numbers up to 256 exist
# once in every Python, so a count below that is never made anew.
_COUNT: Final = "@count"
_COUNT_MAX: Final = 200
_KEY_STEPS_MAX: Final = 4

_Loop = ast.For | ast.While
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def inject_meter(tree: ast.Module, *, is_rule: bool) -> ast.Module:
    """Return the tree with the meter in it; the given tree is used up.

    Args:
        tree: a module that the guard has passed.
        is_rule: whether operators are bounded too.
    """
    metered = (_RuleMeter if is_rule else _Meter)().visit(tree)
    return ast.fix_missing_locations(cast("ast.Module", metered))


def count_steps(nodes: Iterable[ast.AST]) -> int:
    """Return the steps written in the nodes, without turns of nested loops."""
    steps = 0
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        steps += isinstance(node, _STEPS)
        if isinstance(node, ast.For):
            waiting.append(node.iter)
        elif isinstance(node, _COMPREHENSIONS):
            waiting.append(node.generators[0].iter)
        elif not isinstance(
            node, ast.While | ast.Lambda | ast.FunctionDef | ast.ClassDef
        ):
            waiting.extend(ast.iter_child_nodes(node))
    return steps


def _call(name: str, *args: ast.expr) -> ast.Call:
    called = ast.Call(ast.Name(name, ast.Load()), list(args), [])
    return ast.copy_location(called, args[0]) if args else called


def _hand_over(node: ast.stmt) -> ast.stmt:
    count = _call("@gas", ast.Name(_COUNT, ast.Load()))
    return ast.copy_location(ast.Expr(count), node)


def _has_loops(body: Iterable[ast.AST]) -> bool:
    # A generator may never come to its end, so it charges turn by turn.
    found = False
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return False
        found = found or isinstance(node, ast.For | ast.While)
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _may_call(nodes: Iterable[ast.AST]) -> bool:
    risky = (ast.Call, ast.Lambda, ast.NamedExpr, *_COMPREHENSIONS)
    return any(isinstance(part, risky) for node in nodes for part in ast.walk(node))


def _places(rows: list[ast.comprehension]) -> list[tuple[int, bool]]:
    return [(place, place == len(rows) - 1) for place in range(len(rows))]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Meter(ast.NodeTransformer):
    """Charges functions, loops and comprehensions; the kit's profile.

    A function without loops charges once, at its entry. One with loops counts
    in a local name, which is several times cheaper than a call, and hands the
    count over when it is full and where the function returns.
    """

    def __init__(self) -> None:
        self._counts = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Charge the entry and each turn of its loops."""
        start = 1 if _is_text(node.body[0]) and len(node.body) > 1 else 0
        body = node.body[start:]
        units = ast.Constant(1 + count_steps(body))
        outside, self._counts = self._counts, _has_loops(body)
        returns = isinstance(body[-1], ast.Return)
        body = self._visit_body(body)
        node.args.defaults = [self.visit(value) for value in node.args.defaults]
        entry: ast.stmt = ast.Expr(_call("@gas", units))
        if self._counts:
            entry = ast.Assign([ast.Name(_COUNT, ast.Store())], units)
            body += [] if returns else [_hand_over(body[-1])]
        self._counts = outside
        node.body[start:] = [ast.copy_location(entry, body[0]), *body]
        return node

    def _visit_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        visited: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            visited += result if isinstance(result, list) else [result]
        return visited

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        """Hand the count over first."""
        self.generic_visit(node)
        return [_hand_over(node), node] if self._counts else node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Charge the entry: the body becomes a choice that is always made."""
        steps = _call("@gas", ast.Constant(1 + count_steps([node.body])))
        body = self.visit(node.body)
        node.body = ast.IfExp(ast.UnaryOp(ast.Not(), steps), body, ast.Constant(None))
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave the annotation as it is."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        """Charge each turn."""
        return self._charge_turns(node, count_steps(node.body))

    def visit_While(self, node: ast.While) -> ast.AST:
        """Charge each turn, the test included."""
        return self._charge_turns(node, count_steps([node.test, *node.body]))

    def _charge_turns(self, node: _Loop, steps: int) -> ast.AST:
        self.generic_visit(node)
        first, units = node.body[0], ast.Constant(1 + steps)
        turn: list[ast.stmt] = [ast.Expr(_call("@gas", units))]
        if self._counts:
            count = ast.Name(_COUNT, ast.Load())
            full = ast.Compare(count, [ast.Gt()], [ast.Constant(_COUNT_MAX)])
            reset = ast.Assign([ast.Name(_COUNT, ast.Store())], _call("@gas", count))
            add = ast.AugAssign(ast.Name(_COUNT, ast.Store()), ast.Add(), units)
            turn = [add, ast.If(full, [reset], [])]
        node.body[:0] = [ast.copy_location(statement, first) for statement in turn]
        return node

    def _charge_comprehension(self, node: _Comprehension) -> ast.AST:
        # What the last `for` makes is kept: a step more, or two with its key.
        made: list[ast.AST] = [ast.Pass()]
        if isinstance(node, ast.DictComp):
            made += [node.key, node.value, ast.Pass()]
        else:
            made.append(node.elt)
        inner = [*(generator.iter for generator in node.generators[1:]), *made]
        tests = [list(generator.ifs) for generator in node.generators]
        units = [
            1 + count_steps([*tests[place], *(made if is_last else [inner[place]])])
            for place, is_last in _places(node.generators)
        ]
        is_calm = len(units) == 1 and not _may_call([*tests[0], *made])
        self.generic_visit(node)
        first = node.generators[0]
        if is_calm:
            first.iter = _call("@turns", first.iter, ast.Constant(units[0]))
            return node
        for generator, steps in zip(node.generators, units, strict=True):
            charge = _call("@gas", ast.Constant(steps))
            generator.ifs.insert(0, ast.UnaryOp(ast.Not(), charge))
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """Charge each turn."""
        return self._charge_comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """Charge each turn."""
        return self._charge_comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """Charge each turn."""
        return self._charge_comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """Charge each turn."""
        return self._charge_comprehension(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Call the metered form of a type, whose plain name stays the type."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _TYPES:
            node.func = ast.copy_location(
                ast.Name("@" + node.func.id, ast.Load()), node.func
            )
        return node


class _RuleMeter(_Meter):
    """Bounds operators and methods as well; the profile of rules."""

    def __init__(self) -> None:
        super().__init__()
        self._payloads: set[str] = set()

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Leave a small key to `sorted`, which charges for each."""
        if count_steps([node.body]) > _KEY_STEPS_MAX:
            return super().visit_Lambda(node)
        node.body = self.visit(node.body)
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Visit the functions; all else is declarations the guard has computed."""
        self._payloads = {s.name for s in node.body if isinstance(s, ast.ClassDef)}
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                self.visit(statement)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Check a whole expression once, where its result leaves it."""
        grows = _grows(node)
        bounded = self._bound(node)
        return _call("@check", bounded) if grows else bounded

    def _bound(self, node: ast.expr) -> ast.expr:
        # Unary plus lets numbers through and refuses texts and lists, so no
        # number repeats a text and no text is taken for a format.
        if not isinstance(node, ast.BinOp):
            return cast("ast.expr", self.visit(node))
        is_product = isinstance(node.op, ast.Mult)
        needs_left = is_product or isinstance(node.op, ast.Mod)
        needs = (needs_left and not _is_number(node.left), is_product)
        node.left, node.right = self._bound(node.left), self._bound(node.right)
        if needs[0]:
            node.left = _plus(node.left)
        if needs[1] and not _is_number(node.right):
            node.right = _plus(node.right)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Write an augmented assignment out, unless it adds a small number."""
        if isinstance(node.op, _GROWING) and _is_integer(node.value):
            self.generic_visit(node)
            return node
        target = cast("ast.expr", _loaded(node.target))
        value: ast.expr
        if isinstance(node.op, ast.Add):
            value = _call("@add_to", self.visit(target), self.visit(node.value))
        else:
            value = self.visit(ast.BinOp(target, node.op, node.value))
        assign = ast.Assign([self.visit(node.target)], value)
        return ast.copy_location(assign, node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Weigh one side of each comparison whose sides may both be long."""
        op, right = node.ops[0], node.comparators[0]
        if isinstance(op, ast.In | ast.NotIn):
            found: ast.expr = _call(
                "@contains", self.visit(right), self.visit(node.left)
            )
            return ast.UnaryOp(ast.Not(), found) if isinstance(op, ast.NotIn) else found
        sides = [node.left, *node.comparators]
        plain = [_is_plain(side) for side in sides]
        visited: list[ast.expr] = [self.visit(side) for side in sides]
        for place in range(len(sides) - 1):
            if not plain[place] and not plain[place + 1]:
                visited[place] = _call("@weigh", visited[place])
        node.left, node.comparators = visited[0], visited[1:]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Check keys, and charge slices by their length."""
        fixed = _is_constant(node.slice)
        self.generic_visit(node)
        if isinstance(node.slice, ast.Slice):
            part = node.slice
            ends = [part.lower, part.upper, part.step]
            return _call(
                "@cut", node.value, *(end or ast.Constant(None) for end in ends)
            )
        if not fixed:
            node.slice = _call("@key", node.slice)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """Check keys and charge what is copied in."""
        fixed = [key is None or _is_constant(key) for key in node.keys]
        self.generic_visit(node)
        for place, key in enumerate(node.keys):
            if key is None:
                node.values[place] = _call("@spread", node.values[place])
            elif not fixed[place]:
                node.keys[place] = _call("@key", key)
        return node

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """Check keys."""
        self._charge_comprehension(node)
        node.key = _call("@key", node.key)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        """Charge what is copied in."""
        node.value = _call("@spread", self.visit(node.value))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Bound the calls whose work grows with their arguments."""
        weighed = [place for place, arg in enumerate(node.args) if not _is_plain(arg)]
        named = [keyword for keyword in node.keywords if not _is_plain(keyword.value)]
        super().visit_Call(node)
        func = node.func
        if isinstance(func, ast.Name) and func.id in self._payloads:
            for place in weighed:
                node.args[place] = _call("@weigh", node.args[place])
            for keyword in named:
                keyword.value = _call("@weigh", keyword.value)
        elif isinstance(func, ast.Attribute):
            if func.attr == "join":
                return _call("@join", func.value, *node.args)
            if func.attr in _BOUNDED and 0 in weighed:
                node.args[0] = _call(_BOUNDED[func.attr], node.args[0])
        return node


def _loaded(node: ast.AST) -> ast.AST:
    # The guard lets only names, constants and attributes into such a target.
    if isinstance(node, ast.Subscript):
        return ast.copy_location(
            ast.Subscript(node.value, node.slice, ast.Load()), node
        )
    name: Any = node
    return ast.copy_location(ast.Name(name.id, ast.Load()), node)


def _plus(node: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.UAdd(), node), node)


def _is_integer(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _is_constant(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Constant)


def _is_number(node: ast.expr) -> bool:
    is_result = isinstance(node, ast.BinOp) and isinstance(node.op, _NUMERIC)
    return _is_integer(node) or is_result


def _is_plain(node: ast.expr) -> bool:
    # True where the value is surely short: compared or used as a key at no cost.
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not) or _is_plain(node.operand)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _SCALAR_CALLS
    return isinstance(node, ast.Constant) or _is_number(node)


def _grows(node: ast.expr) -> bool:
    if not isinstance(node, ast.BinOp):
        return False
    if isinstance(node.op, ast.Mult):
        return True
    if isinstance(node.op, _GROWING):
        if _is_integer(node.right):
            return _grows(node.left)
        return not _is_integer(node.left) or _grows(node.right)
    return _grows(node.left) or _grows(node.right)
