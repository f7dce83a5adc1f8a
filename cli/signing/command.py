"""``allonge sign`` and ``allonge send``: offline signing by one or many."""

from __future__ import annotations

from pathlib import Path

import click

from cli.session import Session, quiet_option, with_node, with_wallet
from cli.terminal import amount_option, print_json
from cli.typed import PATH
from ledger.errors import LedgerError


@click.command("sign")
@click.argument("file", type=PATH)
@amount_option
@with_wallet
def sign(session: Session, file: Path) -> None:
    """Read FILE, show what it does, and add this wallet's signature to it.

    No node is asked. The same file goes from signer to signer, or each signs
    a copy; allonge send takes them all.
    """
    if _is_batch(file):
        from cli.signing.batch import sign_batch  # noqa: PLC0415

        sign_batch(session, file)
        return
    from cli.signing.acting import check_named, confirm_files, print_ready  # noqa: PLC0415
    from cli.signing.file import read_signing_file  # noqa: PLC0415

    found = read_signing_file(file)
    check_named(session, found)
    confirm_files(session, [found])
    signed = found.sign(session.key())
    signed.save(file, replacing=True)
    if session.as_json:
        keys = [item.key_id for item in signed.signatures]
        print_json({"id": signed.transaction, "keys": keys, "status": "signed"})
        return
    print_ready(signed, file)


def _is_batch(path: Path) -> bool:
    """Tell a batch from a single signing file by how it begins."""
    try:
        with path.open("rb") as file:
            return file.read(9) == b'{"items":'
    except OSError:
        return False


@click.command("send")
@click.argument("files", type=PATH, nargs=-1, required=True)
@quiet_option
@with_node
def send(session: Session, files: tuple[Path, ...]) -> int:
    """Send a signed FILE, putting together the signatures of several copies.

    Sending the same transaction twice changes nothing: it counts once.
    """
    if _is_batch(files[0]):
        from cli.signing.batch import send_batch  # noqa: PLC0415

        return send_batch(session, files)
    from cli.signing.acting import print_result, send_file, who_signs  # noqa: PLC0415
    from cli.signing.file import read_signing_file  # noqa: PLC0415

    merged = read_signing_file(files[0])
    for path in files[1:]:
        merged = merged.merge(read_signing_file(path))
    if merged.open()["chain"] != session.chain:
        raise LedgerError("wrong_chain", expected=session.chain)
    try:
        found = send_file(session, merged)
    except LedgerError as error:
        if error.code in ("policy_not_met", "wrong_signers"):
            missing = f"Whoever is missing signs: run: allonge sign {files[0]}"
            error.details["fix"] = missing
            error.expected, error.found = who_signs(merged), str(len(merged.signatures))
        raise
    if session.as_json:
        print_json(found)
    else:
        print_result(found, quiet=session.quiet)
    return 0
