"""What is active: the kernel and the loaded rules, by manifest and act.

Old manifests stay findable, so a record made under an old version is acted on
by that version for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger import kernel
from ledger.encoding import JSONObject
from ledger.errors import Code, LedgerError, register
from ledger.gas import Meter, metered
from ledger.invariants import Change, CheckChanges
from ledger.loader import LoadedRules, load_rulebook
from ledger.state import Kind, Kinds

# Invariants run outside any act's meter; this bound only ends a defect.
INVARIANT_GAS_MAX = 10**12
CALENDAR_GAS_MAX = 10**6


def _nothing(changes: list[Change]) -> str:
    del changes
    return ""


def _accept(calendar: JSONObject) -> None:
    del calendar


class Rulebook:
    """The kernel's and the rules' declarations, ready to be called.

    Attributes:
        hash: rulebook hash that headers carry.
        kinds: all kinds of records.
        manifests: rule name -> manifest hash, hex.
        actions: (manifest, act) -> action.
    """

    def __init__(self, loaded: LoadedRules | None = None) -> None:
        """Take over loaded rules; without them, the kernel alone (block 0)."""
        self.hash = "0" * 64 if loaded is None else loaded.hash
        self.manifests: dict[str, str] = {"kernel": kernel.MANIFEST_HASH}
        self.actions: dict[tuple[str, str], Any] = {}
        self._writes: dict[tuple[str, str], frozenset[str]] = {}
        self._jobs: dict[tuple[str, str, str], tuple[Any, frozenset[str]]] = {}
        self._current: dict[str, str] = {}
        self._declared: CheckChanges = _nothing
        self._check_calendar: Callable[[JSONObject], None] = _accept
        kinds = {kind.name: kind for kind in kernel.KINDS}
        for act, action in kernel.ACTIONS.items():
            self._add_action(kernel.MANIFEST_HASH, act, action, kernel.WRITES)
        if loaded is not None:
            self._add_rules(loaded, kinds)
        self.kinds: Kinds = kinds

    @classmethod
    def load(cls, files: Mapping[str, str], expected_hash: str) -> Rulebook:
        """Return the rulebook of source files whose hash is the expected one.

        Args:
            files: path -> source of kit and rules, as published.
            expected_hash: hex, from genesis or a header.

        Raises:
            LedgerError: ``rule_refused``; ``rule_mismatch``.
        """
        loaded = load_rulebook(files)
        if loaded.hash != expected_hash:
            raise LedgerError(
                "rule_mismatch", expected=expected_hash, found=loaded.hash
            )
        return cls(loaded)

    def _add_rules(self, loaded: LoadedRules, kinds: dict[str, Kind]) -> None:
        records = loaded.modules["kit/v1/records.py"]
        for kind in records["KINDS"]:
            kinds[kind.name] = Kind(kind.name, kind.scoped, kind.interval, kind.places)
        self._declared = records["check_changes"]
        calendars = loaded.modules.get("kit/v1/calendars.py", {})
        self._check_calendar = calendars.get("check_calendar", _accept)
        refusals = loaded.modules.get("kit/v1/refusals.py", {"REFUSALS": {}})
        for code, row in refusals["REFUSALS"].items():
            register(Code(code, *row))
        for rule in loaded.rules:
            manifest = loaded.manifests[rule.name]
            self.manifests[rule.name] = manifest
            writes = frozenset(rule.writes)
            for act, action in rule.actions.items():
                self._add_action(manifest, act, action, writes)
            for (kind_name, what), handler in rule.jobs.items():
                self._jobs[(manifest, kind_name, what)] = (handler, writes)
            for code, row in rule.refusals.items():
                register(Code(code, *row))

    def _add_action(
        self, manifest: str, act: str, action: object, writes: frozenset[str]
    ) -> None:
        if act in self._current:
            raise LedgerError("rule_refused", found=f"act {act} declared twice")
        self.actions[(manifest, act)] = action
        self._writes[(manifest, act)] = writes
        self._current[act] = manifest

    def find_action(self, act: str, manifest: str) -> Any:
        """Return the action of an act under a manifest.

        Raises:
            LedgerError: ``unknown_act``; ``rule_changed``, the act exists
                under another manifest only.
        """
        action = self.actions.get((manifest, act))
        if action is None:
            current = self._current.get(act)
            if current is None:
                raise LedgerError("unknown_act", found=act)
            raise LedgerError("rule_changed", expected=current, found=manifest)
        return action

    def current_rule(self, act: str) -> str:
        """Return the manifest under which an act creates.

        Raises:
            LedgerError: ``unknown_act``.
        """
        current = self._current.get(act)
        if current is None:
            raise LedgerError("unknown_act", found=act)
        return current

    def writes_of(self, act: str, manifest: str) -> frozenset[str]:
        """Return the kinds an act may write."""
        return self._writes[(manifest, act)]

    def find_job(
        self, manifest: str, kind: str, what: str
    ) -> tuple[Callable[..., None], frozenset[str]]:
        """Return the handler of automatic work and the kinds it may write.

        Raises:
            LedgerError: ``rule_mismatch``.
        """
        found = self._jobs.get((manifest, kind, what))
        if found is None:
            raise LedgerError("rule_mismatch", found=f"no job {kind}.{what}")
        return found

    def check_calendar(self, calendar: JSONObject) -> None:
        """Return if the kit can compute with a chain's calendar.

        Raises:
            LedgerError: ``bad_payload``.
        """
        try:
            with metered(Meter(CALENDAR_GAS_MAX)):
                self._check_calendar(calendar)
        except Exception as error:
            raise LedgerError("bad_payload", expected="a usable calendar") from error

    def check_changes(self, changes: list[Change]) -> str:
        """Return the name of a broken invariant of the kit, or ""."""
        with metered(Meter(INVARIANT_GAS_MAX)):
            return self._declared(changes)
