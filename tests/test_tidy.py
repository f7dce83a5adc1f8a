"""The rules of the house that no linter knows."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ledger", "contracts", "node", "cli")
ROOT_NAMES = {
    *("pyproject.toml", "README.md", "LICENSE", "Makefile", "requirements.lock"),
    *(*PACKAGES, "tests"),
}
BUILT_NAMES = {"build", "__pycache__"}
BANNED_NAMES = re.compile(r"(util|helper|manager)s?|common|misc|stuff")
BANNED_CLASSES = re.compile(r".*(Util|Helper|Manager|Service)s?")
# What the trade calls otherwise (DOMAIN.md §1): one word for one thing.
OTHERS_WORDS = re.compile(
    r"\b(token|voucher|asset|endorser|buy-?back|hop|lien|void|core.enterprise)s?\b",
    re.IGNORECASE,
)
# One letter of each in brackets, or this file would break its own rule.
MACHINE_PATHS = re.compile(r"(?<![\w.])/([w]ork|[r]oot|[t]mp)/")
REGISTRY_HOSTS = re.compile(
    r"py[p]i\.org|python[h]osted|registry\.[n]pmjs|crates\.[i]o|proxy\.[g]olang"
    r"|deb\.[d]ebian|ghcr\.[i]o|docker\.[i]o"
)
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
ORDER_FREE_CALLS = {"all", "any", "frozenset", "max", "min", "set", "sorted", "sum"}
KIT_IMPORTS = {"typing", "pydantic", "pydantic.fields", "datetime", "collections.abc"}
RULE_BYTES_MAX = 46_900
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def source_files(*packages: str) -> list[Path]:
    """Return the Python files of these packages."""
    files = [path for name in packages for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in files if not BUILT_NAMES & {*path.parts}]


def text_files() -> Iterator[Path]:
    """Yield every file that is committed, or would be, and is text."""
    tops = [ROOT / name for name in sorted(ROOT_NAMES)]
    tops += [ROOT / ".ci", *(path for path in ROOT.glob(".*") if path.is_file())]
    for top in tops:
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and not BUILT_NAMES & {*path.parts}:
                yield path


def read_text(path: Path) -> str:
    """Return the text of a file, nothing for one that is not text."""
    raw = path.read_bytes()
    return "" if b"\0" in raw else raw.decode("utf-8", errors="ignore")


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a source file."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    """Return file and line as an editor understands them."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def places(
    check: Callable[[ast.AST], bool], *packages: str, but: str = ""
) -> list[str]:
    """Return where the check finds something in the packages' trees."""
    return [
        place(path, node)
        for path in source_files(*packages)
        if not but or not path.match(but)
        for node in ast.walk(tree_of(path))
        if check(node)
    ]


def lines_in_text(pattern: re.Pattern[str], but: str = "LICENSE") -> list[str]:
    """Return the lines of committed text in which the pattern is found."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        if path.name != but
        for number, line in enumerate(read_text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_root_holds_nothing_but_what_is_fixed() -> None:
    """A newcomer sees eleven names at the root, and dotfiles."""
    names = {
        path.name
        for path in ROOT.iterdir()
        if path.name[0] != "." and path.suffix != ".egg-info"
    }
    assert names - BUILT_NAMES == ROOT_NAMES


def test_packages_explain_themselves() -> None:
    """Prose lives beside the code: one README a package, or none yet anywhere."""
    missing = [
        name
        for name in (*PACKAGES, "tests")
        if not (ROOT / name / "README.md").exists()
    ]
    if len(missing) == len(PACKAGES) + 1:
        pytest.skip("no package has a README yet")
    assert not missing


def test_files_are_short() -> None:
    """A file that needs scrolling for minutes hides a second file."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in source_files(*PACKAGES, "tests")
    }
    too_long = {name: n for name, n in lengths.items() if n > FILE_LINES_MAX}
    assert not too_long


def body_lines(function: Function) -> int:
    """Return how many lines a function has after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    """A function fits on a screen."""

    def too_long(node: ast.AST) -> bool:
        return isinstance(node, Function) and body_lines(node) > FUNCTION_LINES_MAX

    assert not places(too_long, *PACKAGES, "tests")


def public_undocumented(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the public names inside a module or class that lack a docstring."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Function) and child.name[0] != "_":
            if not ast.get_docstring(child):
                yield child
            if isinstance(child, ast.ClassDef):
                yield from public_undocumented(child)


def test_public_names_have_docstrings() -> None:
    """Every public name says what holds after its use."""
    found: list[str] = []
    for path in source_files(*PACKAGES):
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            found.append(place(path, tree))
        found += [place(path, node) for node in public_undocumented(tree)]
    assert not found


def test_names_say_what_is_inside() -> None:
    """A module or class is named after what it knows, not after being handy."""
    files = [
        str(path.relative_to(ROOT))
        for path in source_files(*PACKAGES, "tests")
        if any(
            BANNED_NAMES.fullmatch(part.removesuffix(".py"))
            for part in path.relative_to(ROOT).parts
        )
    ]

    def is_handy(node: ast.AST) -> bool:
        return isinstance(node, ast.ClassDef) and bool(
            BANNED_CLASSES.fullmatch(node.name)
        )

    assert not files + places(is_handy, *PACKAGES)


def test_one_word_for_one_thing() -> None:
    """Rules, screens and documents use none of the words that stand for others."""
    read = [
        path
        for path in text_files()
        if not {"ledger", "tests"} & {*path.relative_to(ROOT).parts}
        or path.name == "README.md"
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in read
        for number, line in enumerate(read_text(path).splitlines(), 1)
        if path.name != "LICENSE" and OTHERS_WORDS.search(line)
    ]
    assert not found


def is_true_division(node: ast.AST) -> bool:
    """Tell numbers from paths: a path is divided by a text."""
    if isinstance(node, ast.AugAssign):
        return isinstance(node.op, ast.Div)
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
        return False
    right = node.right
    return not (
        isinstance(right, ast.JoinedStr)
        or (isinstance(right, ast.Constant) and isinstance(right.value, str))
    )


def is_inexact(node: ast.AST) -> bool:
    """Tell what differs between machines or processes, or rounds unasked."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id in {"float", "complex", "hash", "round"}
    return is_true_division(node)


def test_ledger_and_contracts_compute_exactly() -> None:
    """No float, true division, rounding or process-seeded hash where state is made."""
    assert not places(is_inexact, "ledger", "contracts")


def makes_set(node: ast.AST) -> bool:
    """Tell an expression whose value is a set."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}
    if isinstance(node, ast.BinOp):
        return makes_set(node.left) or makes_set(node.right)
    return isinstance(node, ast.Set | ast.SetComp)


def names_of_sets(scope: ast.AST) -> set[str]:
    """Return the names that one module or function binds to sets."""
    names = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and makes_set(node.value):
            names |= {name.id for name in node.targets if isinstance(name, ast.Name)}
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            target = node.arg if isinstance(node, ast.arg) else node.target
            if re.match(r"(frozen)?set\b", ast.unparse(node.annotation)):
                names.add(target if isinstance(target, str) else ast.unparse(target))
    return names


def iterated(node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose order a node lets through."""
    if isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return node.args if name in {"list", "tuple", "join", "enumerate"} else []
    return [node.value] if isinstance(node, ast.Starred) else []


def order_free(node: ast.AST) -> list[ast.comprehension]:
    """Return the comprehensions of a node whose order nobody can tell afterwards."""
    if isinstance(node, ast.SetComp):
        return node.generators
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.GeneratorExp) and node.func.id in ORDER_FREE_CALLS:
            return first.generators
    return []


def set_iterations(tree: ast.Module) -> list[ast.expr]:
    """Return where the order of a set can reach a result."""
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    shared = names_of_sets(ast.Module(list(constants), []))
    found = {}
    for scope in (tree, *functions):
        names = shared if scope is tree else shared | names_of_sets(scope)
        free = {part for node in ast.walk(scope) for part in order_free(node)}
        for node in ast.walk(scope):
            for value in iterated(node) if node not in free else []:
                if makes_set(value) or ast.unparse(value) in names:
                    found[value] = True
    return list(found)


def test_ledger_and_contracts_iterate_over_no_set() -> None:
    """The order of a set changes with the process; sort it first."""
    found = [
        place(path, node)
        for path in source_files("ledger", "contracts")
        for node in set_iterations(tree_of(path))
    ]
    assert not found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("for x in {1, 2}: pass", 1),
        ("def f(a: set[int]):\n    return [x for x in a]", 1),
        ("def f(a):\n    b = set(a)\n    return list(b)", 1),
        ("def f(a):\n    return ','.join(set(a) - {1})", 1),
        ("def f(a: set[int]):\n    return any(x > 1 for x in a)", 0),
        ("A = {1}\n\ndef f():\n    return [*A]", 1),
        ("def f(a):\n    b = set(a)\n    return sorted(b), len(b), 1 in b", 0),
        ("def f(a: list[int]):\n    return [x for x in a]", 0),
        ("def f(a: set[int]):\n    return {x + 1 for x in a}", 0),
    ],
    ids=[
        *("literal", "argument", "local", "algebra", "order_free", "constant"),
        *("sorted", "list", "set_to_set"),
    ],
)
def test_set_iterations_are_recognised(source: str, count: int) -> None:
    """The check for set order itself finds what it should and no more."""
    assert len(set_iterations(ast.parse(source))) == count


def test_checks_outlive_optimisation() -> None:
    """`assert` vanishes under -O, so outside the tests nothing relies on it."""
    assert not places(lambda node: isinstance(node, ast.Assert), *PACKAGES)


def test_imports_need_no_crutch() -> None:
    """A cycle that only type checkers may see is still a cycle."""

    def is_crutch(node: ast.AST) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and (
            getattr(node, "id", getattr(node, "attr", "")) == "TYPE_" + "CHECKING"
        )

    assert not places(is_crutch, *PACKAGES, "tests")


def test_nothing_is_left_for_later() -> None:
    """What is unfinished stands in an issue, not in the text."""
    assert not lines_in_text(UNFINISHED)


def test_text_names_no_machine() -> None:
    """Committed text names no folder of a machine and no package registry."""
    assert not lines_in_text(MACHINE_PATHS)
    assert not lines_in_text(REGISTRY_HOSTS)


def imported_modules(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import statement with the module it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def test_rules_import_the_kit_alone() -> None:
    """A rule may import the kit, the kit a few names of the standard library."""
    found = []
    for path in source_files("contracts"):
        inside = path.relative_to(ROOT / "contracts").parts
        if inside == ("__init__.py",):
            continue
        allowed = KIT_IMPORTS if inside[0] == "kit" else set()
        for node, module in imported_modules(tree_of(path)):
            in_kit = module == "contracts.kit.v1" or module.startswith(
                "contracts.kit.v1."
            )
            if not in_kit and module not in allowed:
                found.append(place(path, node))
    assert not found


def test_rule_files_fit_a_transaction() -> None:
    """Each rule and kit file can be published in one envelope, with plain newlines."""
    found = [
        place(path, tree_of(path))
        for path in source_files("contracts")
        if path.stat().st_size > RULE_BYTES_MAX or b"\r" in path.read_bytes()
    ]
    assert not found


def test_lock_file_pins_by_hash_and_names_no_index() -> None:
    """Whatever is installed is decided by hashes, wherever it comes from."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert starts
    assert all("==" in lines[n] and "--hash=sha256:" in lines[n + 1] for n in starts)
    assert not [line for line in lines if re.search(r"://|index|find-links", line)]


def test_lock_file_covers_what_the_project_asks_for() -> None:
    """Every direct dependency of the project and its groups is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        wanted += group
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert {re.split(r"[^\w-]", line)[0] for line in wanted} <= pinned


def test_linter_exceptions_are_few_and_reasoned() -> None:
    """At most twenty rules are off, each with its reason on its line."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block
    lines = block[1].splitlines()
    assert len(lines) <= 20
    assert all(re.fullmatch(r' *"[A-Z]+\d+", *# .{8,}', line) for line in lines)
