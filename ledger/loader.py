"""Loads rules and their kit from source bytes, and from nothing else.

What runs is compiled from the strings given here: never from what is
installed, with builtins of our own, without an import statement left in it
and with the meter in its syntax tree. Each rulebook has namespaces of its
own, so versions stand side by side.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import CodeType, MappingProxyType
from typing import Any, Final

from ledger.encoding import digest, encode, hex_digest
from ledger.errors import LedgerError
from ledger.gas import INJECTED, KIT_BUILTINS, RULE_BUILTINS, Meter, OutOfGas, metered
from ledger.guard import read_source
from ledger.injection import inject_meter
from ledger.subset import KIT_MODULE, KIT_PATH, RULE_PATH

LOAD_GAS_MAX: Final = 1_000_000
MANIFEST_DOMAIN: Final = b"rule/v1\x00"

Namespace = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Rules and kit, loaded and ready to be called under a meter.

    Attributes:
        kit: kit hash, hex.
        manifests: rule name -> manifest hash, hex.
        modules: path -> namespace.
        rules: the ``rule`` object of each rule file, in order of path.
    """

    kit: str
    manifests: Mapping[str, str]
    modules: Mapping[str, Mapping[str, Any]]
    rules: tuple[Any, ...]

    @property
    def hash(self) -> str:
        """Rulebook hash, hex."""
        return rulebook_hash(self.kit, self.manifests)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A checked and metered file.

    Attributes:
        code: the module without its imports.
        imports: (name, module, name there, line), as written.
        own: names the file binds or passes on on purpose.
    """

    code: CodeType
    imports: tuple[tuple[str, str, str, int], ...]
    own: frozenset[str]


def load_rulebook(files: Mapping[str, str]) -> LoadedRules:
    """Return the rules of a set of files, the same object for the same files.

    Args:
        files: path -> source; kit files ``kit/v1/….py``, rule files
            ``<rule>/<part>.py``.

    Raises:
        LedgerError: ``rule_refused``: a file is outside the subset, imports
            what is not there, fails while it is loaded, or declares no rule.
    """
    return _load(tuple(sorted(files.items())))


@lru_cache(maxsize=16)
def _load(items: tuple[tuple[str, str], ...]) -> LoadedRules:
    files = dict(items)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = _Modules(files).load()
    rules = tuple(modules[path]["rule"] for path, _ in items if rule_name(path))
    manifests = {
        name: manifest_hash(rule_manifest(name, _version_of(name, rules), files))
        for name in rule_names(files)
    }
    return LoadedRules(
        kit=kit_hash(files),
        manifests=MappingProxyType(manifests),
        modules=MappingProxyType(modules),
        rules=rules,
    )


# --- hashes ------------------------------------------------------------------------


def kit_hash(files: Mapping[str, str]) -> str:
    """Return the hex digest of the kit files among the files."""
    rows = [
        {"path": path, "sha256": hex_digest(source.encode())}
        for path, source in sorted(files.items())
        if KIT_PATH.fullmatch(path)
    ]
    return hex_digest(encode(rows))


def rule_manifest(name: str, version: int, files: Mapping[str, str]) -> bytes:
    """Return the canonical manifest of one rule.

    Args:
        name: the rule, first part of its files' paths.
        version: counted by the rule's authors, from 1.
        files: all files of the rulebook, the kit included.
    """
    rows = [
        {
            "path": path,
            "sha256": hex_digest(source.encode()),
            "size_bytes": len(source.encode()),
        }
        for path, source in sorted(files.items())
        if rule_name(path) == name
    ]
    return encode(
        {"files": rows, "kit": kit_hash(files), "name": name, "version": version}
    )


def manifest_hash(manifest: bytes) -> str:
    """Return the hex digest that records and payloads name a rule by."""
    return digest(MANIFEST_DOMAIN + manifest).hex()


def rulebook_hash(kit: str, manifests: Mapping[str, str]) -> str:
    """Return the hex digest that headers carry.

    Args:
        kit: kit hash, hex.
        manifests: rule name -> manifest hash, hex.
    """
    return hex_digest(encode({"kit": kit, "rules": dict(manifests)}))


def rule_names(files: Mapping[str, str]) -> list[str]:
    """Return the rules that files are of."""
    return sorted({rule_name(path) for path in files} - {""})


def rule_name(path: str) -> str:
    """Return the rule that a file is of, empty if of none."""
    match = RULE_PATH.fullmatch(path)
    return match[1] if match else ""


def _version_of(name: str, rules: tuple[Any, ...]) -> int:
    versions = {getattr(rule, "version", 1) for rule in rules if rule.name == name}
    if len(versions) != 1:
        raise LedgerError(
            "rule_refused", expected=f"one version in all parts of {name}"
        )
    version: int = versions.pop()
    return version


# --- modules -----------------------------------------------------------------------


class _Modules:
    """The namespaces of one rulebook, filled in the order of imports."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._loaded: dict[str, Namespace] = {}
        self._compiled: dict[str, _Compiled] = {}
        self._loading: list[str] = []

    def load(self) -> dict[str, Namespace]:
        """Return path -> namespace of all files."""
        for path in sorted(self._files):
            if KIT_PATH.fullmatch(path):
                self._load(path, path, 1)
        for path in sorted(self._files):
            namespace = self._load(path, path, 1)
            if RULE_PATH.fullmatch(path):
                self._check_rule(path, namespace)
        return self._loaded

    def _load(self, path: str, importer: str, line: int) -> Namespace:
        if path in self._loaded:
            return self._loaded[path]
        if path not in self._files:
            raise _refused(importer, line, f"import of {path}", "it is not in the kit")
        if path in self._loading:
            raise _refused(
                importer, line, f"import of {path}", "the imports go in circles"
            )
        self._loading.append(path)
        compiled = self._compiled[path] = compile_source(path, self._files[path])
        offered = RULE_BUILTINS if RULE_PATH.fullmatch(path) else KIT_BUILTINS
        namespace: Namespace = {
            "__builtins__": {**offered, **INJECTED},
            "__name__": path,
        }
        for name, module, there, at in compiled.imports:
            namespace[name] = self._find(path, module, there, at)
        _execute(path, compiled.code, namespace)
        self._loading.pop()
        self._loaded[path] = namespace
        return namespace

    def _find(self, importer: str, module: str, name: str, line: int) -> Any:
        match = KIT_MODULE.fullmatch(module)
        if not match:  # of the kit alone, and on its list: the guard has seen to it
            return getattr(import_module(module), name)
        path = f"kit/{match[1]}/{match[2] or '__init__'}.py"
        namespace = self._load(path, importer, line)
        is_own = name in self._compiled[path].own or not RULE_PATH.fullmatch(importer)
        offered = namespace.get("__all__")
        if name not in namespace or not (
            is_own if offered is None else name in offered
        ):
            raise _refused(
                importer, line, f"import of {name}", f"{path} does not offer it"
            )
        return namespace[name]

    def _check_rule(self, path: str, namespace: Namespace) -> None:
        kinds = tuple(
            module["Rule"]
            for name, module in self._loaded.items()
            if KIT_PATH.fullmatch(name) and name.endswith("/rule.py")
        )
        rule = namespace.get("rule")
        if not isinstance(rule, kinds) or rule.name != rule_name(path):
            raise _refused(path, 1, "rule", "it is no Rule with the folder's name")


def _refused(path: str, line: int, found: str, reason: str) -> LedgerError:
    return LedgerError("rule_refused", found=found, path=path, line=line, reason=reason)


def _execute(path: str, code: CodeType, namespace: Namespace) -> None:
    try:
        with metered(Meter(LOAD_GAS_MAX)):
            exec(code, namespace)  # noqa: S102 - this is the one place where rules start
    except OutOfGas as error:
        raise _refused(path, 1, "too much work", "loading only declares") from error
    except Exception as error:
        line = error.__traceback__
        while line is not None and line.tb_next is not None:
            line = line.tb_next
        at = line.tb_lineno if line is not None else 1
        raise _refused(path, at, type(error).__name__, "loading fails") from error


@lru_cache(maxsize=256)
def compile_source(path: str, source: str) -> _Compiled:
    """Return a file checked, metered and compiled.

    Raises:
        LedgerError: ``rule_refused``.
    """
    tree = read_source(path, source)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    own = frozenset(_own_names(tree))
    tree.body = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    is_rule = bool(RULE_PATH.fullmatch(path))
    code = compile(
        inject_meter(tree, is_rule=is_rule),
        f"<{path} {hex_digest(source.encode())[:8]}>",
        "exec",
        dont_inherit=True,
        optimize=0,
    )
    rows = tuple(
        (alias.asname or alias.name, node.module or "", alias.name, node.lineno)
        for node in imports
        for alias in node.names
    )
    return _Compiled(code, rows, own)


def _own_names(tree: ast.Module) -> Iterator[str]:
    # As type checkers have it: what is imported is passed on only if it says so.
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from (a.name for a in node.names if a.asname == a.name)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
