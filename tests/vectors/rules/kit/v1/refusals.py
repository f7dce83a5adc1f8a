"""Codes with which this kit itself refuses: none."""

REFUSALS: dict[str, tuple[str, str, str, str]] = {}
