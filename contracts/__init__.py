"""The shipped rules as source: what genesis publishes and a wallet trusts.

Rules are run from these bytes by the ledger's loader and from nowhere else;
importing the modules is for type checkers and readers.
"""

from __future__ import annotations

from importlib.resources import files

KIT_VERSION = "v1"
# All files of one rule share its manifest.
RULES = {
    "receivable": (
        "advice",
        "bank",
        "circulation",
        "consent",
        "dates",
        "deals",
        "disputes",
        "late",
        "orders",
        "payouts",
        "payto",
        "programme",
        "receivable",
        "recourse",
        "reversal",
        "sale",
        "suspense",
        "sweep",
    ),
}


def read_sources() -> dict[str, str]:
    """Return path -> source of the shipped kit and rules."""
    home = files("contracts")
    kit = home.joinpath("kit", KIT_VERSION)
    sources = {
        f"kit/{KIT_VERSION}/{item.name}": item.read_text("utf-8")
        for item in kit.iterdir()
        if item.name.endswith(".py")
    }
    for name, parts in RULES.items():
        for part in parts:
            source = home.joinpath(f"{part}.py").read_text("utf-8")
            sources[f"{name}/{part}.py"] = source
    return sources
