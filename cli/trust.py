"""Whether a payload is under rules this wallet trusts: those installed.

The rules are loaded from their bytes by the ledger's own loader, so the hash
compared is the one the ledger computes, and the body is read by the models of
the very rule that will run.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from contracts import read_sources
from ledger import kernel
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.gas import Meter, metered
from ledger.loader import LoadedRules, load_rulebook

MODEL_GAS_MAX: Final = 1_000_000


def load_installed() -> LoadedRules:
    """Return the installed rules, loaded once."""
    return load_rulebook(read_sources())


def find_installed(act: str) -> tuple[str, Any]:
    """Return manifest hash and body model of an act as installed.

    Raises:
        LedgerError: ``unknown_act``.
    """
    if act in kernel.ACTIONS:
        return kernel.MANIFEST_HASH, kernel.ACTIONS[act].payload
    loaded = load_installed()
    for rule in loaded.rules:
        if act in rule.actions:
            return loaded.manifests[rule.name], rule.actions[act].payload
    raise LedgerError("unknown_act", found=act[:64])


def check_rule(payload: JSONObject) -> None:
    """The payload names the installed rule, and its body fits that rule.

    Raises:
        LedgerError: ``unknown_act``; ``rule_mismatch``; ``bad_body``.
    """
    manifest, model = find_installed(payload["act"])
    if payload["rule"] != manifest:
        raise LedgerError(
            "rule_mismatch", expected=f"{manifest} (installed)", found=payload["rule"]
        )
    try:
        with metered(Meter(MODEL_GAS_MAX)):
            model.model_validate(payload["body"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LedgerError("bad_body", expected=first["msg"], found=place) from error
