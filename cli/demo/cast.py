"""Who takes part in the demo, and how its chain is founded.

Each person has a wallet with an encrypted key file of its own. The keys are
marked as test keys: they open cheaply and sign on test chains only.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.private import make_private_directory, write_private
from cli.wallet.folder import open_folder
from ledger.encoding import JSONObject

PASSPHRASE: Final = "only for the demo"  # noqa: S105 - it protects nothing
SCHEME: Final = "DEMO"


class Actor(NamedTuple):
    """A member of the demo's chain.

    Attributes:
        name: how the demo calls it, and its identifier.
        title: its name on the ledger.
        role: what it is.
        wallets: one a person.
    """

    name: str
    title: str
    role: str
    wallets: tuple[str, ...]


CAST: Final = (
    Actor("operator", "Operator", "operator", ("operator",)),
    Actor("buyer", "Anchor Buyer", "debtor", ("buyer-1", "buyer-2", "buyer-3")),
    Actor("tier-one", "Tier One", "supplier", ("tier-one",)),
    Actor("tier-two", "Tier Two", "supplier", ("tier-two",)),
    Actor("tier-three", "Tier Three", "supplier", ("tier-three",)),
    Actor("lender", "Lender", "lender", ("lender",)),
    Actor("bank", "Settlement Bank", "settlement_bank", ("bank",)),
    Actor("auditor", "Auditor", "auditor", ("auditor",)),
)
TITLES: Final = {actor.name: actor.title for actor in CAST}
SUPPLIERS: Final = tuple(a.name for a in CAST if a.role == "supplier")
# Of three persons the first prepares and the others check; one alone does all.
DUTIES: Final = (("admin", "maker"), ("admin", "checker"), ("checker", "maker"))


def found_chain(
    home: Path,
    genesis_folder: Path,
    cast: Sequence[Actor] = CAST,
    *,
    band: str,
    time_ms: int,
) -> JSONObject:
    """Make all keys and write the files a node is founded from.

    Args:
        home: where the wallets are made.
        genesis_folder: where the files are written.
        cast: the members, the operator first.
        band: up to this amount a day one person signs for the debtor.
        time_ms: of the genesis, UTC.

    Returns:
        ``chain``, ``members`` by name, and ``keys`` and ``rule_files``, counts.
    """
    from contracts import read_sources
    from ledger.genesis import build_founding, parse_genesis
    from ledger.transactions import object_id

    keys = {w: _make_wallet(home, w) for actor in cast for w in actor.wallets}
    terms: JSONObject = {
        "members": [_describe(home, actor, band) for actor in cast],
        "parameters": _parameters(),
        "time": time_ms,
    }
    secret, signing = os.urandom(32), list(keys.values())
    genesis, publications = build_founding(terms, read_sources(), secret, signing)
    chain = parse_genesis(genesis).chain
    make_private_directory(genesis_folder)
    write_private(genesis_folder / "genesis.json", genesis)
    write_private(genesis_folder / "publications.ndjson", b"\n".join(publications))
    write_private(genesis_folder / "salt_secret", secret.hex().encode())
    members = {
        actor.name: object_id("member", chain, n) for n, actor in enumerate(cast)
    }
    _pin(home, chain, members, cast)
    return {
        "chain": chain,
        "keys": len(keys),
        "members": members,
        "rule_files": len(publications),
    }


def _make_wallet(home: Path, name: str) -> Any:
    from cli.wallet.keyfile import load_key, save_key
    from cli.wallet.keyheader import TEST_COST
    from ledger.keys import SigningKey

    folder = open_folder(name, home)
    folder.create()
    key = SigningKey.generate()
    save_key(folder.key_path, key, PASSPHRASE, name, cost=TEST_COST, test=True)
    # What signs the genesis is what the file holds.
    return load_key(folder.key_path, PASSPHRASE, allow_test=True)


def _describe(home: Path, actor: Actor, band: str) -> JSONObject:
    from cli.requests import make_key, make_policy

    several = len(actor.wallets) > 1
    keys = [
        make_key(open_folder(wallet, home), DUTIES[n] if several else (), "")
        for n, wallet in enumerate(actor.wallets)
    ]
    return {
        "identifiers": [{"scheme": SCHEME, "value": actor.name.upper()}],
        "keys": keys,
        "name": actor.title,
        "policy": make_policy(band if several else None),
        "roles": [actor.role],
    }


def _parameters() -> JSONObject:
    from cli.genesis import read_config

    # Delays as in life, though this chain is one for tests.
    usual = read_config(None, test_chain=False)
    calendar = {**usual["calendar"], "through": "2099-12-31"}
    return {**usual, "calendar": calendar, "test_chain": True}


def _pin(
    home: Path, chain: str, members: Mapping[str, str], cast: Sequence[Actor]
) -> None:
    """Let each wallet know the chain whose genesis it has signed."""
    for actor in cast:
        for wallet in actor.wallets:
            folder = open_folder(wallet, home)
            config = replace(
                folder.load_config(),
                chain=chain,
                member=members[actor.name],
                test_chain=True,
            )
            folder.save_config(config)
