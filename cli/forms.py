"""Forms that people fill in: names and values as TOML or JSON."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from cli.private import read_private
from ledger.errors import LedgerError

FORM_BYTES_MAX: Final = 262_144


def read_form(path: Path, code: str) -> dict[str, Any]:
    """Return the values of a TOML or JSON file.

    Args:
        path: of the file.
        code: of the error, if it is neither.

    Raises:
        LedgerError: those of ``read_private``; ``code``.
    """
    raw = read_private(path, size_bytes_max=FORM_BYTES_MAX, forbidden_mode=0)
    try:
        text = raw.decode("utf-8")
        found = json.loads(text) if text.lstrip()[:1] == "{" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LedgerError(code, expected="TOML or JSON", path=path) from error
    if not isinstance(found, dict):
        raise LedgerError(code, expected="names and values", path=path)
    return found
