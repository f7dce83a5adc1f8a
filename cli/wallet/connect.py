"""``allonge wallet connect``: which chain a wallet trusts, and where it asks."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

import click

from cli.client import NodeClient
from cli.terminal import (
    json_option,
    print_set,
    read_answer,
    unread_option,
    wallet_options,
)
from cli.typed import flag, option
from cli.wallet.folder import WalletConfig, fingerprint, open_folder
from cli.wallet.following import follow_log
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

_URL: Final = re.compile(r"https?://[!-~]{1,240}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
FINGERPRINT_DIGITS: Final = 12


@click.command("connect")
@click.argument("url")
@option(
    "--chain",
    "HASH",
    "The chain's hash or its first 12 digits, from a member you trust.",
)
@option("--member", "HASH", "The member this key signs for.")
@flag(
    "--forget-log",
    "Forget what was seen of the log, if the members agreed to begin anew.",
)
@wallet_options
@unread_option
@json_option
def connect(url: str, *, wallet: str, home: str | None, **given: Any) -> None:
    """Pin the chain of a node to this wallet, for good, and the node's URL.

    The fingerprint comes from a member you trust and not from the node. A
    wallet that has signed the genesis knows chain and member already. From then
    on it refuses a node whose log does not go on from what it has seen.
    """
    chain, member = given["chain"], given["member"]
    if not _URL.fullmatch(url):
        raise LedgerError("usage", found="URL begins with http:// or https://")
    if member is not None and not _HASH.fullmatch(member.lower()):
        raise LedgerError("bad_id", expected="the full id, 64 hexadecimal digits")
    folder = open_folder(wallet, home)
    config = folder.load_config()
    digits = re.sub(r"[- ]", "", chain or "").lower()
    if chain is not None and not re.fullmatch(r"[0-9a-f]{12,64}", digits):
        raise LedgerError("usage", found="--chain has 12 to 64 hexadecimal digits")
    with closing(NodeClient(url)) as client:
        found = client.node()
        _check_chain(config.chain or digits, found["chain"])
        wanted = _pin(config, found, url, (member or config.member).lower())
        if given["forget_log"]:
            wanted = replace(wanted, head=None, checkpoint="")
            folder.save_config(wanted, anew=True)
        stored = folder.save_config(follow_log(folder, wanted, client))
    facts: dict[str, Any] = {
        "chain": stored.chain,
        "fingerprint": stored.genesis_fingerprint,
        "member": stored.member,
        "node": stored.node_url,
        "test_chain": stored.test_chain,
    }
    print_set(facts, as_json=given["as_json"])


def _pin(
    config: WalletConfig, found: JSONObject, url: str, member: str
) -> WalletConfig:
    settings: dict[str, Any] = {"member": member, "node_url": url}
    if not config.chain:
        settings["chain"] = found["chain"]
        settings["test_chain"] = found.get("test_chain") is True
    if not config.log_key and isinstance(found.get("log_key"), str):
        settings["log_key"] = found["log_key"]
    return replace(config, **settings)


def _check_chain(expected: str, found: str) -> None:
    """The node's chain is the expected one, asking a person if none is named."""
    if not _HASH.fullmatch(found):
        raise LedgerError("node_failed", expected="a chain")
    if not expected:
        answer = read_answer(
            "Type the chain's fingerprint as another member told you: ",
            fix="use --chain HASH, from a member you trust",
        )
        expected = re.sub(r"[- ]", "", answer).lower()
        if len(expected) < FINGERPRINT_DIGITS:
            raise LedgerError("declined", expected=f"{FINGERPRINT_DIGITS} digits")
    if not found.startswith(expected):
        raise LedgerError(
            "other_genesis", expected=fingerprint(expected), found=fingerprint(found)
        )
