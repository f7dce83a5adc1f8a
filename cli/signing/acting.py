"""From what a user asks for to what the ledger answers: one act, or several.

A node prepares the payload, the wallet compares it with what was asked for,
shows what the bytes say, has the amount typed, signs and sends. With
``--prepare`` it stops after the first two steps and writes a signing file.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Final

from cli.command import Act
from cli.people import name_id
from cli.session import WAIT_S, Session
from cli.signing.file import SigningFile, keep_facts, keep_signers
from cli.signing.screen import LABEL_COLUMNS, Screen
from cli.terminal import (
    confirm_amount,
    print_facts,
    print_json,
    print_note,
    print_text,
    terminal_width,
)
from cli.trust import check_rule
from ledger.encoding import JSONObject, decode_base64
from ledger.errors import LedgerError
from ledger.transactions import object_id

# What a transaction is itself, by the act.
MADE: Final = {
    "holding.redeem": "deal",
    "holding.repurchase": "deal",
    "receivable.offer": "offer",
    "recourse.call": "deal",
    "sale.quote": "quote",
    "sale.take": "deal",
}
# Kinds of things that an act creates, by the act.
CREATED: Final = {
    "account.open": "account",
    "dispute.open": "dispute",
    "freeze.order": "order",
    "insolvency.declare": "order",
    "bank.return": "payout",
    "member.admit": "member",
    "programme.new": "programme",
    "receivable.issue": "receivable",
    "receivable.submit": "receivable",
    "sale.request": "request",
}

OTHERS_SIGN: Final = (
    "Add --prepare FILE to the same command, then each signer: run: allonge sign FILE"
)

# What comes next, by the act; ID is what it made.
NEXT: Final = {
    "payment.advise": "write its REFERENCE on the payment; allonge advice list",
    "payout.instruct": "allonge payout export --format pain001 -o FILE",
    "recourse.call": "allonge deal list",
    "receivable.offer": "allonge withdraw ID, if you want it back",
    "receivable.submit": "the debtor confirms it; allonge show ID",
    "sale.quote": "the seller takes it; allonge deal list",
    "sale.request": "prices arrive; allonge quote list",
    "sale.take": "the price is paid; allonge deal list",
}

# The prompt, and two lines that may stand above it.
PROMPT_ROWS: Final = 3
NOT_YOURS: Final = (
    "Or it is not for your member to sign; what waits for it: run: allonge inbox"
)


def run_acts(session: Session, acts: Sequence[Act], *, in_order: bool = False) -> None:
    """Prepare, show, sign and send acts in order; print what became of each.

    Several acts are shown one after the other and signed by typing once. What
    the rule would refuse as things stand is refused before it is shown.

    Args:
        session: whose key signs.
        acts: what is asked for.
        in_order: later ones rest on the first, which alone is refused before.

    Raises:
        LedgerError: what the node or a rule refuses with;
            ``payload_changed``; ``policy_not_met``, others have to sign too;
            those of ``check_rule`` and the screen; ``declined``;
            ``outcome_unknown``.
    """
    if session.prepare is not None and session.prepare.exists():
        raise LedgerError("file_exists", path=session.prepare)
    # A file for others may rest on what comes before they sign.
    ahead = session.prepare is not None
    files = [
        prepare_act(session, act, check=not (ahead or (in_order and number)))
        for number, act in enumerate(acts)
    ]
    if session.prepare is not None:
        _save_prepared(session, session.prepare, files)
        return
    for file in files:
        check_own_authority(session, file)
    confirm_files(session, files)
    key = session.key()
    results = []
    for file in files:
        found = send_file(session, file.sign(key))
        results.append(found)
        if not session.as_json:
            print_result(found, quiet=session.quiet)
    if session.as_json:
        print_json(results[0] if len(results) == 1 else {"results": results})


def prepare_act(session: Session, act: Act, *, check: bool = False) -> SigningFile:
    """Return the unsigned file of an act as a node prepared it.

    Args:
        session: of whom it is for.
        act: what is asked for.
        check: let the node also run the rule, without effect.

    Raises:
        LedgerError: what the node refuses with; ``payload_changed``.
    """
    try:
        found = session.client.prepare(
            act.act, act.body, session.not_after_ms(), check=check
        )
    except LedgerError as error:
        if error.code == "not_found":
            # So a node answers whoever has no part in the act, too.
            error.details["fix"] = NOT_YOURS
        currencies = {row["currency"] for row in act.facts if "currency" in row}
        if len(currencies) == 1:
            # A refusal tells amounts and places in minor units alone.
            error.details.setdefault("currency", *currencies)
        raise
    file = SigningFile(
        decode_base64(found["payload"]),
        (),
        {"records": keep_facts(act.facts), "signers": []},
    )
    signers = found.get("signers")
    if isinstance(signers, list):
        file.facts["signers"] = keep_signers(signers)
    payload = file.open()
    asked = (act.act, act.body, session.chain)
    if (payload["act"], payload["body"], payload["chain"]) != asked:
        raise LedgerError("payload_changed", expected=act.act, found=payload["act"])
    return file


def _save_prepared(session: Session, path: Path, files: Sequence[SigningFile]) -> None:
    names = [path]
    if len(files) > 1:
        numbers = range(1, len(files) + 1)
        names = [path.with_name(f"{path.stem}-{n}{path.suffix}") for n in numbers]
    for file, name in zip(files, names, strict=True):
        screen = show_file(session, file)
        file.save(name)
        if not session.as_json:
            print_pages("", [(screen.lines, screen.matter)])
    if session.as_json:
        ids = [file.transaction for file in files]
        print_json({"files": [str(name) for name in names], "transactions": ids})
    for file, name in zip(files, names, strict=True):
        needed = f"Unsigned, in {name}. Needed: {who_signs(file)}."
        print_note(f"{needed} Next: run: allonge sign {name}")


def check_own_authority(session: Session, file: SigningFile) -> None:
    """The wallet's key alone is enough, as far as the node says.

    Raises:
        LedgerError: ``wrong_signers``, the member does not act here;
            ``policy_not_met``, others have to sign too.
    """
    by = check_named(session, file)
    persons = {row["member"]: row["persons"] for row in file.facts["signers"]}
    if len(by) > 1 or persons.get(session.member, 1) > 1:
        raise LedgerError("policy_not_met", expected=who_signs(file), fix=OTHERS_SIGN)


def check_named(session: Session, file: SigningFile) -> list[str]:
    """Return who acts in a file; the wallet's member is one of them.

    Raises:
        LedgerError: ``wrong_signers``.
    """
    by: list[str] = file.open()["by"]
    if session.member not in by:
        raise LedgerError(
            "wrong_signers",
            expected=", ".join(name_id("member", item) for item in by),
            found=name_id("member", session.member),
        )
    return by


def _persons(file: SigningFile) -> dict[str, int]:
    rows = file.facts["signers"] or [
        {"member": item, "persons": 1} for item in file.open()["by"]
    ]
    needed: dict[str, int] = {}
    for row in rows:
        needed[row["member"]] = max(row["persons"], needed.get(row["member"], 1))
    return needed


def who_signs(file: SigningFile) -> str:
    """Return how many persons of which members have to sign a file."""
    called = {row.get("id"): row.get("name") for row in file.facts["records"]}
    needed = []
    for member, persons in _persons(file).items():
        name = f"{called[member]} " if called.get(member) else ""
        needed.append(f"{persons} of {name}{name_id('member', member)}")
    return ", ".join(needed)


def show_file(session: Session, file: SigningFile) -> Screen:
    """Return the screen of a file whose chain and rule this wallet trusts.

    Raises:
        LedgerError: ``wrong_chain``; those of ``check_rule`` and the screen.
    """
    payload = file.open()
    if payload["chain"] != session.chain:
        raise LedgerError("wrong_chain", expected=session.chain, found=payload["chain"])
    check_rule(payload)
    return file.draw(member=session.config.member, test_chain=session.config.test_chain)


def print_pages(
    title: str, pages: Sequence[Sequence[Sequence[str]]], *, again: bool = False
) -> None:
    """Show pages on stderr: they are a question and no result.

    Args:
        title: stands above each page.
        pages: lines of each, and those of them that say what is done.
        again: say that once more at the end, if a terminal is too low for all.
    """
    width, parts = terminal_width(sys.stderr), list[str]()
    for number, (lines, _) in enumerate(pages, start=1):
        of = f" {number} OF {len(pages)}" if len(pages) > 1 else ""
        parts += [title + of] if title else []
        parts += [part for line in lines for part in wrap_line(line, width)]
    rows = get_terminal_size().lines - PROMPT_ROWS
    if again and sys.stderr.isatty() and len(parts) > rows:
        each = max(rows // len(pages) - 1, 2)
        for _, matter in pages:
            said = [part for line in matter for part in wrap_line(line, width)]
            over = len(said) - each
            parts += said[:each]
            dots = f" {'…':<{LABEL_COLUMNS}}{over} more lines above"
            parts += [dots] if over > 0 else []
    for part in parts:
        print_note(part)


def wrap_line(line: str, width: int) -> list[str]:
    """Return a line of a screen in parts, the later ones under its text."""
    if len(line) <= width:
        return [line]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * (LABEL_COLUMNS + 1),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=False,
    )


def confirm_files(session: Session, files: Sequence[SigningFile]) -> None:
    """Show what is about to be signed; the user has typed what it amounts to.

    One file asks for its amount or count. Several ask for their number.

    Raises:
        LedgerError: those of ``show_file``; ``declined``, ``no_terminal``.
    """
    screens = [show_file(session, file) for file in files]
    pages = [(screen.lines, screen.matter) for screen in screens]
    print_pages("YOU ARE ABOUT TO SIGN", pages, again=session.typed is None)
    expected = screens[0].expected
    if len(screens) > 1:
        print_note(f"These are {len(screens)} transactions. Type their number.")
        expected = str(len(screens))
    for file in files:
        if sum(_persons(file).values()) > 1:
            have = len(file.signatures)
            print_note(f"Needed: {who_signs(file)}; {have} signed so far.")
    if session.remark:
        print_note(session.remark)
    confirm_amount(expected, typed=session.typed)


def send_file(session: Session, file: SigningFile) -> JSONObject:
    """Send a signed file and return what became of it, with what it created.

    A file whose outcome stays unknown is kept in the wallet, so that the very
    same bytes can be sent again.

    Raises:
        LedgerError: what the node refuses with; ``outcome_unknown``.
    """
    item = file.transaction
    try:
        found = session.client.submit(file.envelope(), item, WAIT_S)
    except LedgerError as error:
        if error.code == "policy_not_met":
            error.details["fix"] = OTHERS_SIGN
        if error.code in ("outcome_unknown", "storage_failed"):
            kept = session.folder.path / f"unknown-{item[:16]}.altx"
            file.save(kept, replacing=True)
            error.details["fix"] = f"run: allonge send {kept}"
        raise
    payload = file.open()
    result: JSONObject = {"act": payload["act"], "id": item, "status": "committed"}
    if type(found.get("height")) is int:
        result["height"] = found["height"]
    if isinstance(found.get("receipt"), dict):
        result["receipt"] = found["receipt"]
        _check_receipt(found["receipt"], item)
    return {**result, **name_created(payload["act"], item)}


def name_created(act: str, transaction: str) -> JSONObject:
    """Return what an act creates, as ``created``; {} if that is nothing."""
    if act in MADE:
        return {"created": {"id": transaction, "kind": MADE[act]}}
    kind = CREATED.get(act)
    if kind is None:
        return {}
    return {"created": {"id": object_id(kind, transaction, 0), "kind": kind}}


def _check_receipt(receipt: JSONObject, item: str) -> None:
    # A refusal that a block contains is committed too, and is no success.
    code = receipt.get("code", "ok")
    if code != "ok":
        raise LedgerError(str(code), transaction=item)


def print_result(found: JSONObject, *, quiet: bool = False) -> None:
    """Print what became of an act, or only the id of what it made."""
    if quiet:
        print_text(found.get("created", found)["id"])
        return
    facts = {"done": found["act"], "in block": found.get("height", "unknown")}
    if "created" in found:
        made = found["created"]
        facts[made["kind"]] = name_id(made["kind"], made["id"])
        facts["in full"] = made["id"]
    facts["transaction"] = found["id"]
    print_facts(facts)
    if found["act"] in NEXT:
        made = found.get("created", {"kind": "", "id": ""})
        name = name_id(made["kind"], made["id"]) if made["id"] else ""
        words = NEXT[found["act"]].replace("ID", name)
        reference = f"reference ALA{found['id'][:32]}"
        print_note(f"Next: {words.replace('REFERENCE', reference)}")


def print_ready(file: SigningFile, path: Path) -> None:
    """Say how far a file is and what comes next."""
    count = len(file.signatures)
    print_text(f"{path}: {count} signature{'s' if count != 1 else ''}")
    verb = "send" if count >= sum(_persons(file).values()) else "sign"
    who = "" if verb == "send" else ", whoever is missing"
    print_note(f"Needed: {who_signs(file)}. Next{who}: run: allonge {verb} {path}")
