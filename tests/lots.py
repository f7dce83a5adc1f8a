"""The rule set of the golden vectors: small, fixed, and of no use in business.

Tests of formats and authority stand on it, so that they change with the
formats and never with the shipped rules.
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent / "vectors" / "rules"


def read_lot_sources() -> dict[str, str]:
    """Return path -> source of the small kit and its one rule."""
    return {
        path.relative_to(HOME).as_posix(): path.read_text("utf-8")
        for path in sorted(HOME.rglob("*.py"))
    }
