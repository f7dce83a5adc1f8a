"""``allonge node backup`` and ``restore``: a ledger on another disk, and back.

A backup is a folder of two files: an export of the ledger, which anyone who
knows the genesis can audit, and the node's log key, which wallets have pinned.
It gets its name only when what lies on the disk was read again and found whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click

from cli.audit import read_checkpoint, read_genesis, run_audit, tell_report
from cli.private import read_private, sync_directory, write_private
from cli.signing.screen import show_moment
from cli.terminal import print_facts, print_json, print_note
from cli.wallet.folder import WalletFolder
from ledger.audit import VALID, StoredSource, Trust, check_history
from ledger.checkpoint import LogKey, origin, parse_checkpoint, parse_note
from ledger.confined import Limits
from ledger.encoding import JSONObject, decode, encode
from ledger.errors import LedgerError
from ledger.export import SALT_NAME, Export, ExportFacts, Readable, write_export
from ledger.keys import SigningKey
from ledger.reading import RunningLedger
from ledger.store import Store

LEDGER_NAME: Final = "ledger"
EXPORT_NAME: Final = "ledger.alx"
LOG_KEY_NAME: Final = "log_key"
# What is known of the last backup, in the folder that was backed up.
RECORD_NAME: Final = "backup.json"
SMALL_BYTES_MAX: Final = 4_096
HOURS_MAX: Final = 26


def back_up(folder: Path, target: Path, *, as_json: bool) -> None:
    """Copy the ledger of a node's folder into a new folder and verify the copy.

    Raises:
        LedgerError: ``file_missing``, ``file_exists``; ``incomplete``, a node
            is serving it and has signed nothing yet; ``bad_block``, a copy is
            damaged; what ``check_history`` finds in what was written.
        OSError: the system refuses; nothing is left behind.
    """
    ledger = folder / LEDGER_NAME
    if not ledger.is_dir():
        raise LedgerError("file_missing", expected="a ledger", path=ledger)
    begun_s = int(time.time())
    with _new_folder(target) as part:
        _copy_log_key(ledger, part)
        facts = _write_export(ledger, part / EXPORT_NAME)
        log_key = _read_log_key(part, facts.chain)
        size = _check_export(part / EXPORT_NAME, log_key)
    record: JSONObject = {
        "blocks": facts.blocks,
        "chain": facts.chain,
        "leaves": size,
        "log_key": log_key,
        "time": begun_s * 1000,
        "transactions": facts.transactions,
    }
    write_private(folder / RECORD_NAME, encode(record), replace=True)
    _tell({"backup": str(target), **record, "verified": True}, as_json=as_json)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Yield a private folder that gets its name only if all goes well."""
    if os.path.lexists(target):
        raise LedgerError("file_exists", path=target)
    parent = target.absolute().parent
    if not parent.is_dir():
        raise LedgerError("file_missing", path=parent)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    try:
        yield part
        sync_directory(part)
        # Over a folder that appeared meanwhile it fails, unless that is empty.
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_directory(parent)


def _copy_log_key(source: Path, target: Path) -> None:
    path = source / LOG_KEY_NAME
    if path.exists():
        raw = read_private(path, size_bytes_max=SMALL_BYTES_MAX)
        write_private(target / LOG_KEY_NAME, raw)


def _read_log_key(folder: Path, chain: str) -> str:
    """Return the verifier key of a folder's log key, "" if there is none."""
    path = folder / LOG_KEY_NAME
    if not path.exists():
        return ""
    raw = read_private(path, size_bytes_max=SMALL_BYTES_MAX)
    try:
        key = SigningKey.from_seed(bytes.fromhex(raw.decode("ascii")))
    except ValueError as error:
        raise LedgerError("bad_key", expected="a seed", path=path) from error
    return LogKey(origin(chain), key.public).to_vkey()


@contextmanager
def _open_ledger(folder: Path) -> Iterator[Readable]:
    """Yield a ledger that is at rest, or one that a node is serving."""
    try:
        found = Store.read_only(folder)
    except LedgerError as error:
        if error.code != "store_locked":
            raise
    else:
        with closing(found):
            yield found
        return
    yield RunningLedger(folder)


def _write_export(ledger: Path, path: Path) -> ExportFacts:

    with _open_ledger(ledger) as opened, path.open("xb") as stream:
        path.chmod(0o600)
        facts = write_export(opened, stream)
        stream.flush()
        os.fsync(stream.fileno())
    return facts


def _check_export(path: Path, log_key: str) -> int:
    """Read a copy again and return how many leaves it has."""
    with path.open("rb") as stream:
        export = Export(stream)
        facts = export.facts
        check_history(export, Trust(facts.chain, log_key=log_key))
    return facts.transactions + facts.blocks


def restore(
    source: Path, folder: Path, trust: Trust, limits: Limits, *, as_json: bool
) -> None:
    """Make a new folder the node's folder of a backup, if an audit is VALID.

    Args:
        source: a folder that ``back_up`` made, or an export.
        folder: must not be there; of another verdict nothing is left.
        trust: what is known of the chain from elsewhere.
        limits: of the process that replays.
        as_json: print one JSON object.

    Raises:
        LedgerError: ``file_missing``, ``other_log_key``, ``file_exists``;
            ``not_an_export``, ``export_cut``, ``export_damaged``; those of the
            audit.
        click.exceptions.Exit: with the exit code of another verdict.
        OSError: the system refuses; nothing is left behind.
    """
    file = source / EXPORT_NAME if source.is_dir() else source
    if not file.exists():
        raise LedgerError("file_missing", path=file)
    own = _read_log_key(source, trust.genesis) if source.is_dir() else ""
    if own and own != trust.log_key:
        anew = f"allonge node restore {file} {folder} --genesis {trust.genesis}"
        raise LedgerError(
            "other_log_key",
            expected=trust.log_key or "the node's, by --log-key or in your wallet",
            found=own,
            fix=f"Name the node's own with --log-key, or let it make one: run: {anew}",
        )
    with _new_folder(folder) as part:
        ledger = part / LEDGER_NAME
        with file.open("rb") as stream:
            _write_ledger(Export(stream), ledger)
        if source.is_dir():
            _copy_log_key(source, ledger)
        with closing(Store.read_only(ledger)) as opened:
            report = run_audit(StoredSource(opened), trust, limits)
            write_private(part / "genesis.json", opened.block(0).transactions[0])
        if report.verdict != VALID:
            code = tell_report(report, as_json=as_json)
            raise click.exceptions.Exit(code)
    facts = report.facts
    told: JSONObject = {
        "blocks": facts.blocks,
        "chain": facts.chain,
        "folder": str(folder),
        "transactions": facts.transactions,
        "verdict": VALID,
    }
    _tell(told, as_json=as_json)
    print_note("Two nodes of one ledger contradict each other: the old one stays off.")
    print_note(f"Next: run: allonge node start {folder}")


def find_trust(
    genesis: str, checkpoint: Path | None, log_key: str, wallet: WalletFolder
) -> Trust:
    """Return what is known of the chain from elsewhere than a backup of it.

    Args:
        genesis: hash or file; empty to take chain and checkpoint of the wallet.
        checkpoint: file of a note that was kept, if any.
        log_key: of the node, empty to take the one that the wallet has pinned.
        wallet: the operator's.

    Raises:
        LedgerError: those of ``read_genesis``, ``read_checkpoint`` and
            ``load_config``; ``not_connected``, the wallet knows no chain.
    """
    kept = read_checkpoint(checkpoint)
    if genesis:
        return Trust(read_genesis(genesis), kept, log_key)
    config = wallet.load_config()
    if not config.chain:
        raise LedgerError("not_connected", found="no chain", fix="Give --genesis.")
    kept = kept or config.checkpoint.encode()
    return Trust(config.chain, kept, log_key or config.log_key)


def _write_ledger(export: Export, folder: Path) -> None:
    """Make a new folder hold the ledger of an export, in both copies."""
    facts = export.facts
    with closing(Store.open(folder)) as store:
        for block in export.blocks():
            meta = {} if block.height else {SALT_NAME: facts.secret.hex()}
            store.append(block, meta=meta)
        if facts.checkpoint:
            text = parse_note(facts.checkpoint.encode()).text
            store.add_checkpoint(parse_checkpoint(text).size, facts.checkpoint)


def check_backup(folder: Path) -> tuple[str, str, str]:
    """Return a doctor's row: how old the last verified backup is.

    That there never was one is said and is no fault: a folder may be kept safe
    by other means. One that is too old is, for it was meant to go on.
    """
    name = "last verified backup"
    if not (folder / RECORD_NAME).exists():
        return name, "none", "run: allonge node backup --help"
    raw = read_private(folder / RECORD_NAME, size_bytes_max=SMALL_BYTES_MAX)
    kept = decode(raw)
    hours = (time.time_ns() // 10**6 - kept["time"]) // 3_600_000
    state = "ok" if 0 <= hours <= HOURS_MAX else "FAILED"
    return name, state, f"{hours} hours old, {kept['blocks']} blocks"


def _tell(facts: JSONObject, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    if "time" in facts:
        facts = facts | {"time": show_moment(facts["time"])}
    print_facts(facts)
