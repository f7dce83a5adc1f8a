"""``allonge audit``: verify, export and explain a ledger, trusting nothing in it.

The anchor of trust is what the auditor types or has in a file from elsewhere;
without it no rule of the ledger is run and the verdict is never VALID.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click

from cli.terminal import (
    json_option,
    passphrase_option,
    print_facts,
    print_json,
    print_note,
    print_table,
    print_text,
    wallet_options,
)
from cli.typed import PATH
from ledger.audit import (
    NAMES,
    VALID,
    WORKERS,
    AuditReport,
    Progress,
    Source,
    StoredSource,
    Trust,
    explain_block,
    verify_ledger,
)
from ledger.blocks import Header
from ledger.confined import Limits
from ledger.encoding import JSONObject
from ledger.errors import LedgerError
from ledger.export import Export, ExportFacts, export_pieces
from ledger.genesis import parse_genesis

EXITS: Final = {
    VALID: 0,
    "TAMPERED": 20,
    "INCOMPLETE": 21,
    "UNTRUSTED": 22,
    "RULE MISMATCH": 23,
}
# Kinds of errors that say something of the ledger, not of how it was opened.
FINDINGS: Final = ("tampered", "incomplete")
NOT_IN_SOURCE: Final = (
    "Name a block of it by height, or a transaction of it by its id; how many there "
    "are: run: allonge audit verify --help"
)
TRUST_FILE_BYTES_MAX: Final = 65_536
GENESIS_MARK: Final = b'"t":"allonge.genesis.v1"'
HEX_64: Final = re.compile(r"[0-9a-f]{64}")


@click.group("audit")
def audit() -> None:
    """Verify, export and explain a ledger without trusting it.

    SOURCE is a ledger folder that no node is writing, an exported file, or
    the URL of a node, which is asked for an export with your wallet's grant.
    """


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command SOURCE and what reading a node needs."""
    argument = click.argument("source")
    return argument(wallet_options(passphrase_option(json_option(function))))


genesis_option = click.option(
    "--genesis",
    metavar="HEX|FILE",
    default="",
    help="The chain's hash as you know it from elsewhere, or a file with it.",
)
unconfined_option = click.option(
    "--unconfined",
    is_flag=True,
    help="Run the ledger's rules where this system cannot confine them.",
)


@audit.command("verify")
@source_options
@genesis_option
@click.option(
    "--checkpoint", type=PATH, help="A checkpoint you kept: the ledger must extend it."
)
@click.option("--log-key", default="", metavar="VKEY", help="The node's log key.")
@click.option(
    "--workers", default=WORKERS, show_default=True, type=click.IntRange(1, 64)
)
@unconfined_option
def verify_command(  # noqa: PLR0913 - one parameter an option
    *,
    source: str,
    genesis: str,
    checkpoint: Path | None,
    log_key: str,
    workers: int,
    unconfined: bool,
    as_json: bool,
    **wallet_of: Any,
) -> int:
    """Check every byte, signature, rule, balance and sweep of a ledger.

    Exit codes: 0 valid, 20 tampered, 21 incomplete, 22 no anchor of trust or
    another one, 23 other rules than the genesis names.
    """
    trust = Trust(read_genesis(genesis), read_checkpoint(checkpoint), log_key)
    limits = Limits(confine=not unconfined)
    try:
        with open_source(source, wallet_of) as opened:
            report = run_audit(opened, trust, limits, workers)
    except LedgerError as error:
        if error.row.kind not in FINDINGS:
            raise
        report = _report_of(error)
    return tell_report(report, as_json=as_json)


def run_audit(
    source: Source, trust: Trust, limits: Limits, workers: int = WORKERS
) -> AuditReport:
    """Return what an audit found; a terminal is shown how far it is.

    Raises:
        LedgerError: those of ``verify_ledger``.
    """
    show = _Progress()
    try:
        return verify_ledger(
            source, trust, report=show.update, workers=workers, limits=limits
        )
    finally:
        show.end()


def tell_report(report: AuditReport, *, as_json: bool) -> int:
    """Print a report and return the exit code of its verdict."""
    _remark_on_rules(report)
    exit_code = EXITS[report.verdict]
    if as_json:
        print_json(describe_report(report, exit_code))
    else:
        print_report(report, exit_code)
    return exit_code


def _remark_on_rules(report: AuditReport) -> None:
    """Say whose rules the verdict rests on: a replay shows what they did."""
    from cli.trust import load_installed

    if not report.rulebook:
        return
    if report.rulebook == load_installed().hash:
        report.remarks.append("its rules are those of this installation")
    else:
        report.remarks.append(
            "its rules are not those of this installation: the verdict holds as far "
            f"as rulebook {report.rulebook} was reviewed"
        )


def _report_of(error: LedgerError) -> AuditReport:
    """Return the report of a ledger that could not even be opened whole."""
    report = AuditReport(ExportFacts("", 0, 0, b""), fault=error)
    report.checks[0].state = "failed"
    return report


def read_genesis(text: str) -> str:
    """Return the chain's hash: typed, in a file, or of a genesis in a file.

    The genesis may be leaf 0, or still on its way to its signatures (.altg):
    its hash is that of its payload, and who names it has compared it.

    Raises:
        LedgerError: ``usage``, neither a hash nor a file with one; those of
            ``parse_genesis`` and ``read_genesis_file``.
    """
    if not text or HEX_64.fullmatch(text):
        return text
    if not Path(text).exists():
        raise LedgerError("usage", found="--genesis is 64 hexadecimal digits or a file")
    raw = _read_small(Path(text))
    found = raw.strip().decode("ascii", "replace")
    if HEX_64.fullmatch(found):
        return found
    if GENESIS_MARK in raw:
        from cli.genesis import read_genesis_file

        return read_genesis_file(Path(text)).chain
    return parse_genesis(raw).chain


def _read_small(path: Path) -> bytes:
    with path.open("rb") as stream:
        raw = stream.read(TRUST_FILE_BYTES_MAX + 1)
    if len(raw) > TRUST_FILE_BYTES_MAX:
        raise LedgerError("too_large", expected=TRUST_FILE_BYTES_MAX, path=path)
    return raw


def read_checkpoint(path: Path | None) -> bytes:
    """Return the note of a file.

    Raises:
        LedgerError: ``bad_note``, it is none.
    """
    from ledger.checkpoint import parse_checkpoint, parse_note

    if path is None:
        return b""
    raw = _read_small(path)
    parse_checkpoint(parse_note(raw).text)
    return raw


@contextmanager
def open_source(text: str, wallet_of: JSONObject) -> Iterator[Source]:
    """Yield the ledger that a folder, a file or a node's URL names.

    Raises:
        LedgerError: ``store_locked``, ``bad_block``, ``incomplete``;
            ``not_an_export``, ``export_cut``; those of a node.
    """
    if text.startswith(("http://", "https://")):
        with tempfile.TemporaryFile() as stream:
            _download(text, wallet_of, stream)
            yield Export(stream)
    elif Path(text).is_dir():
        from ledger.store import Store

        # What a node serves is a folder with the ledger's in it.
        inner = Path(text) / "ledger"
        ledger = Store.read_only(inner if inner.is_dir() else Path(text))
        try:
            yield StoredSource(ledger)
        finally:
            ledger.close()
    elif not Path(text).exists():
        raise LedgerError("file_missing", path=text)
    else:
        with Path(text).open("rb") as stream:
            yield Export(stream)


def _download(url: str, wallet_of: JSONObject, stream: Any) -> None:
    from cli.session import Session, is_missing
    from cli.wallet.folder import open_folder

    session = Session(open_folder(wallet_of["wallet"], wallet_of["home"]))
    session.node_url = url
    session.passphrase_file = wallet_of["passphrase_file"]
    try:
        found = session.client.request("GET", "/v1/export", granted=True)
    except LedgerError as error:
        if not is_missing(error):
            raise
        # A node keeps no past state: a past day is a replay of everything.
        raise LedgerError(
            "not_found",
            found="the whole ledger, which this node gives under a grant of all",
            fix="Take an auditor's file, --source FILE. Your own part as it is now: "
            "run: allonge certificate --help",
        ) from error
    stream.write(found.raw)


class _Progress:
    """One line on a terminal that says how far each check is."""

    def __init__(self) -> None:
        self._shown = False
        self._on_terminal = sys.stderr.isatty()

    def update(self, progress: Progress) -> None:
        """Show a step; nothing where stderr is no terminal."""
        if self._on_terminal:
            name = NAMES[progress.check].partition(":")[0]
            text = f"{name}: {progress.done:,} of {progress.total:,} blocks"
            click.echo(f"\r{text:<72}", err=True, nl=False)
            self._shown = True

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            click.echo("\r" + " " * 72 + "\r", err=True, nl=False)
            self._shown = False


def print_report(report: AuditReport, exit_code: int) -> None:
    """Print the table of checks, what is wrong, and the verdict."""
    rows = [
        (
            check.number,
            check.name,
            check.state,
            f"{check.done:,}" if check.done else "",
            check.note,
        )
        for check in report.checks
    ]
    print_table(("", "check", "", "count", "of"), rows, numeric=(0, 3))
    print_text("")
    print_facts(
        {
            "genesis": report.genesis or "not read",
            "blocks": f"{report.read[0]:,}",
            "transactions": f"{report.read[1]:,}",
            "signatures": f"{report.signatures:,}",
            "state root": report.replay.state_root if report.replay else "not computed",
        }
    )
    for remark in report.remarks:
        print_text(f"remark: {remark}")
    if report.fault is not None:
        print_text("")
        print_facts({name: str(value) for name, value in _fault(report.fault).items()})
    print_text("")
    print_text(f"VERDICT  {report.verdict}  (exit {exit_code})")
    if report.verdict == "UNTRUSTED" and report.fault is None and report.genesis:
        print_note(
            "Compare the genesis hash by another channel, then run it again with "
            f"--genesis {report.genesis}"
        )


def _fault(error: LedgerError) -> JSONObject:
    from cli.terminal import describe_error

    facts = describe_error(error)
    check = facts.get("check")
    if isinstance(check, int):
        facts["check"] = f"{check} {NAMES[check]}"
    order = ("height", "check", "title", "expected", "found")
    first = {name: facts[name] for name in order if facts.get(name, "") != ""}
    return {**first, **facts}


def describe_report(report: AuditReport, exit_code: int) -> JSONObject:
    """Return the report as one JSON object."""
    described: JSONObject = {
        "blocks": report.read[0],
        "checks": [
            {
                "done": check.done,
                "name": check.name,
                "note": check.note,
                "number": check.number,
                "state": check.state,
            }
            for check in report.checks
        ],
        "exit": exit_code,
        "genesis": report.genesis,
        "remarks": report.remarks,
        "signatures": report.signatures,
        "transactions": report.read[1],
        "verdict": report.verdict,
    }
    if report.replay is not None:
        described["state_root"] = report.replay.state_root
        described["books"] = report.replay.books
    if report.fault is not None:
        described["fault"] = _fault(report.fault)
    return described


@audit.command("export")
@source_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=PATH,
    help="Where to write it; it must not exist.",
)
def export_command(
    *, source: str, output: Path, as_json: bool, **wallet_of: Any
) -> int:
    """Write a whole ledger to one file that anyone with it can verify.

    The file holds the salt secret, without which no state can be recomputed:
    who has it reads everything. Give it to full auditors only.
    """
    with open_source(source, wallet_of) as opened:
        facts = opened.facts
        _write_new(output, export_pieces(facts, opened.blocks()))
    size = output.stat().st_size
    if as_json:
        print_json(
            {
                "blocks": facts.blocks,
                "chain": facts.chain,
                "file": str(output),
                "size_bytes": size,
                "transactions": facts.transactions,
            }
        )
        return 0
    print_facts(
        {
            "file": output,
            "chain": facts.chain,
            "blocks": f"{facts.blocks:,}",
            "transactions": f"{facts.transactions:,}",
            "bytes": f"{size:,}",
        }
    )
    return 0


def _write_new(path: Path, pieces: Iterator[bytes]) -> None:
    try:
        stream = path.open("xb")
    except FileExistsError as error:
        raise LedgerError("file_exists", path=path) from error
    try:
        with stream:
            path.chmod(0o600)
            stream.writelines(pieces)
    except BaseException:
        # Half an export would only be found out by whoever verifies it.
        with suppress(OSError):
            path.unlink()
        raise


def show_balances(session: Any, day: str, zone: str, text: str | None) -> int:
    """Show what every member held at the end of a date, from a replay.

    The chain pinned in the wallet is the anchor of trust.

    Raises:
        LedgerError: ``not_a_date``; ``usage``, no such zone; ``not_found``, the
            ledger begins later; those of ``open_source`` and of the replay.
    """
    from cli.lookup import Lookup
    from cli.signing.screen import show_moment
    from cli.tables import Column, print_rows
    from cli.typed import end_of_day

    end_ms = end_of_day(day, zone)
    folder = session.folder
    wallet_of = {
        "home": folder.home,
        "passphrase_file": session.passphrase_file,
        "wallet": folder.name,
    }
    url = session.node_url or session.config.node_url
    with open_source(text or url, wallet_of) as opened:
        height, time_ms, rest = -1, 0, ""
        for block in opened.blocks():
            header = Header.decode(block.header)
            if header.time > end_ms:
                break
            height, time_ms = block.height, header.time
        else:
            rest = f", the last one there, of {show_moment(time_ms)}"
        if height < 1:
            raise LedgerError("not_found", found=f"a block up to {day}")
        _, figures = explain_block(opened, Trust(session.chain), height)
    rows = figures["balances"]
    if session.as_json:
        print_json({"height": height, "items": rows})
        return 0
    amounts = ("owed", "claims", "paid")
    columns = [Column(name, "money", f"{name}_minor") for name in amounts]
    print_rows(Lookup(session), [Column("member", "member"), *columns], rows)
    print_note(f"At the end of {day} {zone}: after block {height}{rest}.")
    return 0


@audit.command("explain")
@source_options
@click.argument("what", metavar="TXID|HEIGHT")
@genesis_option
@unconfined_option
def explain_command(
    *,
    source: str,
    what: str,
    genesis: str,
    unconfined: bool,
    as_json: bool,
    **wallet_of: Any,
) -> int:
    """Say what a block or transaction did, and where each cent of a sweep went.

    The figures of a sweep come from a replay and need --genesis.
    """
    from cli.derivation import describe_block, find_height, print_block

    limits = Limits(confine=not unconfined)
    with open_source(source, wallet_of) as opened:
        trust = Trust(read_genesis(genesis))
        try:
            height = find_height(opened, what)
            block, figures = explain_block(opened, trust, height, limits)
        except LedgerError as error:
            if error.code == "not_found":
                error.details["fix"] = NOT_IN_SOURCE
            raise
    described = describe_block(block, figures, what)
    if as_json:
        print_json(described)
    else:
        print_block(described, has_figures=bool(trust.genesis))
    return 0
