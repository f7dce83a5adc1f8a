"""``allonge node``: found a chain, run its node, look after it."""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click

from cli.session import Session, with_wallet
from cli.terminal import (
    amount_option,
    exit_code,
    json_option,
    print_facts,
    print_json,
    print_note,
    print_set,
    wallet_options,
)
from cli.typed import PATH, flag, option, read_moment
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

# Names that ``python -m node init`` reads.
GENESIS_NAME: Final = "genesis.json"
PUBLICATIONS_NAME: Final = "publications.ndjson"
SALT_NAME: Final = "salt_secret"
UNSIGNED_NAME: Final = "genesis.altg"
LEDGER_NAME: Final = "ledger"
SPACE_BYTES_MIN: Final = 2**30
SKEW_MS_MAX: Final = 5_000
CALENDAR_DAYS_MIN: Final = 60

folder_argument = click.argument("folder", type=PATH)


@click.group("node")
def node() -> None:
    """Found a chain, run its node, look after it."""


@node.command("init")
@folder_argument
@option(
    "--member members",
    PATH,
    "Member file of a founder; may repeat.",
    metavar="FILE",
    multiple=True,
    required=True,
)
@option("--config", PATH)
@flag("--test test_chain", "A chain without value.")
@option("--time begins", "MOMENT", "When a test chain begins.")
@json_option
def init(folder: Path, *, as_json: bool, **given: Any) -> None:
    """Make the genesis of a new chain in FOLDER from its founders' files.

    Next all founders sign it (allonge node genesis sign), then the operator
    publishes rules and founds the ledger (allonge node genesis publish).

    The TOML file of --config may set: account_delay_days 3, policy_delay_days
    2 (both 0 on a test chain), quota 1000, governance_ppm 666667, and
    [calendar] with id, through, weekend, holidays, workdays.
    """
    from cli.genesis import make_genesis, read_config
    from cli.private import make_private_directory, write_private
    from cli.requests import read_member
    from ledger.genesis import salt_commitment

    if given["begins"] is not None and not given["test_chain"]:
        raise LedgerError("usage", found="--time is for test chains (--test)")
    begins = 0 if given["begins"] is None else read_moment(given["begins"], 0)
    members = [read_member(path) for path in given["members"]]
    parameters = read_config(given["config"], test_chain=given["test_chain"])
    secret = os.urandom(32)
    file = make_genesis(members, parameters, salt_commitment(secret), begins)
    make_private_directory(folder)
    write_private(folder / SALT_NAME, secret.hex().encode())
    target = folder / UNSIGNED_NAME
    file.save(target)
    facts: JSONObject = {"chain": file.chain, "to_sign": str(target)}
    if as_json:
        print_json({**facts, "missing": file.missing()})
    else:
        print_facts(facts)
    print_note(f"Next, each founder: run: allonge node genesis sign {target}")


@node.group("genesis")
def genesis() -> None:
    """Sign and publish the genesis of a new chain."""


@genesis.command("sign")
@click.argument("file", type=PATH)
@amount_option
@with_wallet
def sign_genesis(session: Session, file: Path) -> None:
    """Sign the genesis in FILE and trust its chain from then on."""
    from cli.genesis import draw_genesis, read_genesis_file
    from cli.signing.acting import print_pages
    from cli.terminal import confirm_amount
    from cli.wallet.keyheader import read_header

    found = read_genesis_file(file)
    session.folder.require()
    member = found.founder_id(read_header(session.folder.key_path).key_id)
    lines, count = draw_genesis(found)
    is_asked = session.typed is None
    print_pages("YOU ARE ABOUT TO SIGN A GENESIS", [(lines, lines)], again=is_asked)
    print_note("Type how many keys it lists.")
    confirm_amount(str(count), typed=session.typed)
    # Pinned first: a test key opens for a wallet of a test chain only.
    test_chain = found.open()["parameters"]["test_chain"]
    session.pin(chain=found.chain, member=member, test_chain=test_chain)
    signed = found.sign(session.key())
    signed.save(file, replacing=True)
    missing = signed.missing() or ([] if session.as_json else ["nobody"])
    facts = {"chain": found.chain, "member": member, "missing": missing}
    print_set(facts, as_json=session.as_json)


@genesis.command("publish")
@folder_argument
@click.argument("copies", type=PATH, nargs=-1)
@with_wallet
def publish(session: Session, folder: Path, copies: tuple[Path, ...]) -> None:
    """Publish rules, as operator, and found the ledger in FOLDER.

    COPIES are signed copies of the genesis file from founders elsewhere.
    """
    from cli.genesis import read_genesis_file
    from cli.private import write_private
    from contracts import read_sources
    from ledger.genesis import build_publications, parse_genesis

    unsigned = folder / UNSIGNED_NAME
    found = read_genesis_file(unsigned)
    for path in copies:
        other = read_genesis_file(path)
        if other.payload != found.payload:
            raise LedgerError("other_payload", path=path)
        found = found.add(other.signatures)
    missing = found.missing()
    if missing:
        raise LedgerError(
            "wrong_signers",
            expected=", ".join(missing),
            fix=f"They sign it: run: allonge node genesis sign {unsigned}",
        )
    envelope = found.envelope()
    founded = parse_genesis(envelope)
    key = session.key()
    if found.founder_id(key.key_id) != founded.operator:
        raise LedgerError(
            "role_missing",
            expected="the operator's wallet",
            fix="Name the operator's wallet with --wallet.",
        )
    publications = build_publications(founded, read_sources(), key)
    write_private(folder / GENESIS_NAME, envelope, replace=True)
    lines = b"".join(raw + b"\n" for raw in publications)
    write_private(folder / PUBLICATIONS_NAME, lines, replace=True)
    _found_ledger(folder)
    facts = {"chain": found.chain, "ledger": str(folder / LEDGER_NAME)}
    print_set(facts, as_json=session.as_json)
    print_note(f"Next: run: allonge node start {folder}")


def _found_ledger(folder: Path) -> None:
    import subprocess

    # A wallet opens no ledger: the node's own process does.
    words = ["init", "--data", str(folder / LEDGER_NAME), "--genesis-dir", str(folder)]
    ended = subprocess.run(  # noqa: S603 - this program's own module
        [sys.executable, "-m", "node", *words],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if ended.returncode:
        for line in ended.stderr.decode("utf-8", "replace").splitlines()[-5:]:
            print_note(line)
        raise LedgerError("node_refused", found=f"exit {ended.returncode}")


@node.command("start")
@folder_argument
@option("--host", str, default="127.0.0.1")
@option("--port", click.IntRange(0, 65535), default=8047)
@option("--clock", "FILE", "Time of a test chain, UTC ms.")
@option("--certificate", "FILE", "TLS certificate chain, PEM.")
@option("--key", "FILE", "Its private key, PEM.")
@flag("--metrics", "Show /metrics to other machines too.")
@json_option
def start(folder: Path, *, as_json: bool, metrics: bool, **given: Any) -> None:
    """Serve the ledger in FOLDER until it is stopped (Ctrl-C).

    Once it listens it says chain, height and URL as one JSON object.
    """
    del as_json
    ledger = folder / LEDGER_NAME
    if not ledger.is_dir():
        raise LedgerError(
            "file_missing",
            expected="a ledger",
            path=ledger,
            fix="Name the folder it was founded in; run: allonge node init --help",
        )
    words = ["start", "--data", str(ledger), *(["--metrics"] if metrics else [])]
    for name, value in given.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    sys.stdout.flush()
    # The node takes this process's place, so that signals reach it.
    os.execv(sys.executable, [sys.executable, "-m", "node", *words])  # noqa: S606


@node.command("backup")
@folder_argument
@click.argument("target", metavar="DIR", type=PATH)
@json_option
def backup(folder: Path, target: Path, *, as_json: bool) -> None:
    """Copy the ledger in FOLDER into a new folder DIR, and verify the copy.

    The node may go on serving: the copy ends at its last signed checkpoint.
    Counts, links, roots and the checkpoint are verified in the copy as it lies
    on the disk; restoring it runs the whole audit first. DIR is as secret as
    FOLDER: it opens every record, and holds the node's log key.
    """
    from cli.backup import back_up

    back_up(folder, target, as_json=as_json)


@node.command("restore")
@click.argument("source", metavar="DIR|FILE", type=PATH)
@folder_argument
@option(
    "--genesis",
    "HEX|FILE",
    "The chain's hash; otherwise what your wallet has pinned.",
    default="",
)
@option("--checkpoint", PATH, "A checkpoint you kept: the backup must reach it.")
@option(
    "--log-key",
    "VKEY",
    "The node's log key, as a backup told it; otherwise your wallet's.",
    default="",
)
@flag("--unconfined", "Run the ledger's rules where this system cannot confine them.")
@wallet_options
@json_option
def restore(source: Path, folder: Path, *, as_json: bool, **given: Any) -> None:
    """Make FOLDER, which must not exist, the node's folder of a backup.

    What stands in it is audited whole, every signature and rule, before it gets
    its name. Without --genesis your wallet's chain is the anchor, and the backup
    must reach the last checkpoint that the wallet has verified. DIR is what
    `node backup` made, with the log key that your wallet pinned or you name; an
    exported FILE has no log key, and the node makes a new one.
    """
    from cli import backup as copies
    from cli.wallet.folder import open_folder
    from ledger.confined import Limits

    wallet = open_folder(given["wallet"], given["home"])
    trust = copies.find_trust(
        given["genesis"], given["checkpoint"], given["log_key"], wallet
    )
    limits = Limits(confine=not given["unconfined"])
    copies.restore(source, folder, trust, limits, as_json=as_json)


@node.command("doctor")
@click.argument("folder", type=PATH, required=False)
@option("--node node_url", "URL", "Which node.", default="")
@wallet_options
@json_option
def doctor(*, folder: Path | None, node_url: str, **given: Any) -> int:
    """Check a running node, and the FOLDER of one on this machine.

    A FOLDER that no node is serving is read whole: both its copies agree.
    """
    from cli.backup import check_backup
    from cli.wallet.folder import open_folder

    as_json = given["as_json"]
    session = Session(open_folder(given["wallet"], given["home"]), as_json=as_json)
    rows: list[tuple[str, str, str]] = []
    if folder is not None:
        rows += [*_check_folder(folder), *_check_copies(folder), check_backup(folder)]
    pinned = session.config.chain if session.folder.exists() else ""
    url = node_url or (session.config.node_url if session.folder.exists() else "")
    if url:
        rows += _check_node(url, pinned)
    if not rows:
        raise LedgerError("usage", found="give a FOLDER or --node URL")
    if as_json:
        names = ("check", "state", "found")
        print_json({"items": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        from cli.terminal import print_table

        print_table(("check", "", "found"), rows)
    failed = [name for name, state, _ in rows if state == "FAILED"]
    if not failed:
        return 0
    error = LedgerError("node_unhealthy", found=", ".join(failed))
    if not as_json:
        raise error
    # Stdout has its one object already; the exit code is the same.
    return exit_code(error.code, error.row.kind)


def _row(name: str, found: object, *, ok: bool) -> tuple[str, str, str]:
    return name, "ok" if ok else "FAILED", str(found)


def _check_folder(folder: Path) -> list[tuple[str, str, str]]:
    import shutil

    ledger = folder / LEDGER_NAME
    rows = [_row("ledger folder", ledger, ok=ledger.is_dir())]
    secret = folder / SALT_NAME
    if secret.exists():
        mode = secret.stat().st_mode & 0o777
        rows.append(_row("salt secret is private", f"{mode:o}", ok=not mode & 0o077))
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        space = f"{free // 2**20} MiB"
        rows.append(_row("free space", space, ok=free >= SPACE_BYTES_MIN))
    return rows


def _check_copies(folder: Path) -> list[tuple[str, str, str]]:
    from cli.audit import open_source
    from cli.bench.yardstick import describe_machine

    rows = [_row("SQLite", describe_machine()["sqlite"], ok=True)]
    try:
        with open_source(str(folder), {}) as opened:
            blocks = opened.facts.blocks
            rows.append(_row("log and SQLite agree", f"{blocks} blocks", ok=True))
    except LedgerError as error:
        served = error.code == "store_locked"
        found = "a node is serving it" if served else error
        rows.append(_row("log and SQLite agree", found, ok=served))
    return rows


def _check_calendar(found: JSONObject) -> tuple[str, str, str]:
    from datetime import UTC, date, datetime

    through = str(found.get("parameters", {}).get("calendar", {}).get("through", ""))
    today = datetime.fromtimestamp(found["time"] // 1000, UTC).date()
    left = (date.fromisoformat(through) - today).days if through else 0
    return _row("calendar published through", through, ok=left >= CALENDAR_DAYS_MIN)


def check_calendars(found: JSONObject) -> list[tuple[str, str, str]]:
    """Return how far calendars are published; the last 90 days are an alarm."""
    from datetime import UTC, datetime, timedelta

    now_ms = found.get("time")
    if type(now_ms) is not int:
        return []
    soon = datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(days=90)
    return [
        _row(
            f"calendar {row['calendar']}",
            f"published through {row['through']}",
            ok=row["through"] >= soon.date().isoformat(),
        )
        for row in found.get("calendars", [])
    ]


def _check_node(url: str, pinned: str) -> list[tuple[str, str, str]]:
    import time

    from cli.client import NodeClient
    from cli.trust import load_installed

    try:
        with closing(NodeClient(url)) as client:
            client.request("GET", "/livez")
            rows = [_row("answers", url, ok=True)]
            ready = client.request("GET", "/readyz").value()
            rows.append(_row("ready", ready.get("status", ""), ok=True))
            found = client.node()
    except LedgerError as error:
        return [_row("answers", error, ok=False)]
    if pinned:
        chain = found["chain"]
        rows.append(_row("chain", chain[:16], ok=chain == pinned))
    rulebook = str(found.get("rulebook", ""))
    rows.append(_row("rules", rulebook[:16], ok=rulebook == load_installed().hash))
    node_time = found.get("time")
    if type(node_time) is int and found.get("test_chain") is not True:
        skew = node_time - time.time_ns() // 10**6
        rows.append(_row("clock", f"{skew} ms", ok=abs(skew) <= SKEW_MS_MAX))
    if type(node_time) is int:
        rows.append(_check_calendar(found))
    rows.append(_row("block", found.get("height", ""), ok=True))
    rows += check_calendars(found)
    return rows
