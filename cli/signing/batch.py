"""One screen for hundreds of acts: checked, typed once, kept, sent, told apart.

Each line is prepared by a node and compared before anything is shown. The
screen has count and control total a currency, which are typed, and what stands
out; the whole screen of every line is in a list whose hash is on it. What was
signed is kept in a journal before it is sent: the same command again sends
those very bytes, so a crash in the middle does nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.amounts import format_amount
from cli.people import name_id
from cli.private import write_private
from cli.session import Session
from cli.signing.acting import (
    check_own_authority,
    name_created,
    prepare_act,
    show_file,
)
from cli.signing.file import SigningFile
from cli.signing.screen import LABEL_COLUMNS, Facts, Screen
from cli.signing.sending import (
    ITEMS_MAX,
    describe_refusal,
    read_batch,
    save_batch,
    send_files,
    show_progress,
)
from cli.terminal import confirm_amount, print_json, print_note, print_text
from ledger.encoding import JSONObject, encode
from ledger.errors import LedgerError

LARGEST_SHOWN: Final = 3
PARTIES_SHOWN: Final = 5
EXIT_REFUSED: Final = 7
EXIT_UNKNOWN: Final = 8
STATUSES: Final = ("committed", "refused", "unknown")
# Errors that say nothing of a line, so that the batch ends.
STOPPING: Final = ("unavailable", "busy", "tampered", "mismatch", "internal")


class Line(NamedTuple):
    """One act of a batch.

    Attributes:
        name: what it is told by: its line in the file, or an id.
        act: what is asked for; None if the line itself is wrong.
        error: what is wrong with it.
    """

    name: str
    act: Any = None
    error: LedgerError | None = None


def run_batch(
    session: Session,
    name: str,
    lines: Sequence[Line],
    *,
    keep_going: bool = False,
    in_order: bool = False,
) -> int:
    """Check, show, sign, keep and send lines; return the exit code.

    Args:
        session: whose key signs.
        name: of the journal, the same for the same file; one that ends in
            ``-all`` is forgotten when every line has its answer.
        lines: what is asked for.
        keep_going: do the others where lines are refused.
        in_order: one after the other, each on what the last one left; the first
            that fails ends it.

    Raises:
        LedgerError: ``too_large``, ``file_exists``; ``lines_refused``;
            ``nothing_to_do``; those of the screen; ``declined``.
    """
    if len(lines) > ITEMS_MAX:
        raise LedgerError("too_large", expected=f"{ITEMS_MAX} lines")
    if session.prepare is not None and session.prepare.exists():
        raise LedgerError("file_exists", path=session.prepare)
    journal = session.folder.path / f"batch-{name}.altb"
    kept = _read_journal(journal, lines)
    sent = send_named(session, kept, in_order=in_order)
    results = [row for row in sent if not _is_over(row)]
    done = {row["line"] for row in results}
    fresh = [line for line in lines if line.name not in done]
    files, refused = _prepare(session, fresh, check=not in_order)
    if (refused and not keep_going) or not (files or results):
        _print_refused([*results, *refused])
        told = [f"{row['line']}: {row['code']}" for row in refused]
        details: dict[str, object] = {"refused": told} if session.as_json else {}
        code = "lines_refused" if refused and not keep_going else "nothing_to_do"
        if lines:
            details["found"] = f"{len(refused)} of {len(lines)} refused"
        raise LedgerError(code, **details)
    if session.prepare is not None and files:
        _save_prepared(session, session.prepare, files)
        return _report(session, refused, about=False)
    if files:
        confirm_batch(session, journal, list(files.values()))
        key = session.key()
        signed = {line: file.sign(key) for line, file in files.items()}
        # From here on these bytes and no others are sent for these lines.
        again = [file for line, file in kept.items() if line in done]
        save_batch(journal, [*again, *signed.values()])
        results += send_named(session, signed, in_order=in_order)
    if name.endswith("-all") and all(row["status"] != "unknown" for row in results):
        journal.unlink(missing_ok=True)
    return _report(session, [*results, *refused])


def _is_over(row: JSONObject) -> bool:
    # Sealed as refused, or out of its window, it never counts: signed anew.
    return row.get("code") == "expired" or row.get("is_final", False) is True


def _read_journal(journal: Path, lines: Sequence[Line]) -> dict[str, SigningFile]:
    """Return what was signed before, by the line it was signed for."""
    if not journal.exists():
        return {}
    named = {
        encode([line.act.act, line.act.body]): line.name
        for line in lines
        if line.act is not None
    }
    kept = {}
    for file in read_batch(journal):
        payload = file.open()
        line = named.get(encode([payload["act"], payload["body"]]))
        kept[line or name_id("transaction", file.transaction)] = file
    print_note(f"{len(kept)} lines were signed before: the same bytes are sent again.")
    return kept


def _prepare(
    session: Session, lines: Sequence[Line], *, check: bool
) -> tuple[dict[str, SigningFile], list[JSONObject]]:
    """Return unsigned files by the name of their line, and what was refused."""
    files: dict[str, SigningFile] = {}
    refused = []
    with show_progress("checked", len(lines)) as bar:
        for line in lines:
            try:
                if line.error is not None:
                    raise line.error
                file = prepare_act(session, line.act, check=check)
                if session.prepare is None:
                    check_own_authority(session, file)
                files[line.name] = file
            except LedgerError as error:
                if error.row.kind in STOPPING:
                    raise
                refused.append({"line": line.name, **describe_refusal(error)})
            bar.update(1)
    return files, refused


def _save_prepared(
    session: Session, path: Path, files: Mapping[str, SigningFile]
) -> None:
    print_batch(session, path, list(files.values()))
    save_batch(path, files.values())
    told = {"files": [str(path)], "transactions": len(files)}
    session.tell(told, f"Unsigned, in {path}. Next: run: allonge sign {path}")


def confirm_batch(session: Session, path: Path, files: Sequence[SigningFile]) -> None:
    """Show what a batch does; the user has typed its count and totals.

    Raises:
        LedgerError: those of ``show_file`` and ``confirm_amount``.
    """
    count = f"{len(files)} TRANSACTION{'S' * (len(files) > 1)}"
    print_note(f"YOU ARE ABOUT TO SIGN {count}")
    expected = print_batch(session, path, files)
    print_note("Type the count and the total of each currency.")
    confirm_amount(expected, typed=session.typed)


def print_batch(session: Session, path: Path, files: Sequence[SigningFile]) -> str:
    """Show a batch on stderr, write its list, and return what is to be typed."""
    screens = [show_file(session, file) for file in files]
    totals: dict[str, int] = {}
    for screen in screens:
        if screen.is_amount:
            added = totals.get(screen.currency, 0) + screen.amount_minor
            totals[screen.currency] = added
    amounts = [format_amount(totals[currency], currency) for currency in sorted(totals)]
    numbered = [
        "\n".join((f"{number} OF {len(files)}", *screen.lines))
        for number, screen in enumerate(screens, start=1)
    ]
    text = "\n\n".join(numbered).encode() + b"\n"
    listed = path.with_suffix(".txt")
    write_private(listed, text, replace=True)
    acts = Counter(screen.act for screen in screens)
    facts = [("act", f"{act}, {_times(acts[act])}") for act in sorted(acts)]
    facts += [("total", amount) for amount in amounts]
    facts += _outliers(files, screens)
    facts += [("every line", f"in {listed}"), ("SHA-256", sha256(text).hexdigest())]
    for label, fact in facts:
        print_note(f" {label:<{LABEL_COLUMNS}}{fact}")
    return " ".join((str(len(files)), *amounts))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _outliers(
    files: Sequence[SigningFile], screens: Sequence[Screen]
) -> Iterator[tuple[str, str]]:
    """Yield what stands out: parties, dates, the largest amounts."""
    sums: dict[tuple[str, str], list[int]] = {}
    dates, kinds = set(), Counter[str]()
    ranked: list[tuple[int, str]] = []
    for file, screen in zip(files, screens, strict=True):
        payload, facts = file.open(), Facts(file.facts)
        body = payload["body"]
        if not screen.is_amount or not body.keys() & {"invoices", "receivable"}:
            continue
        record = facts.record("receivable", body.get("receivable"))
        offer = facts.record("offer", body.get("offer"))
        parties = [{**record, **body}.get(role, "") for role in ("supplier", "debtor")]
        parties = [offer["giver"]] if "giver" in offer else parties
        other = next((each for each in parties if each not in payload["by"]), "")
        name = facts.text("member", other, "name") or name_id("member", other)
        sums.setdefault((name, screen.currency), []).append(screen.amount_minor)
        dates.add(str(body.get("terms", record).get("due_date", "")))
        kinds[str(record.get("state", ""))] += 1
        kinds["with deductions"] += "deductions" in body.get("terms", {})
        kinds["with a reason"] += "reason" in body
        kinds["with a WARNING"] += "warning" in [row.get("kind") for row in facts.rows]
        numbers = [use["number"] for use in body.get("invoices", [])]
        what = " ".join(numbers) or name_id("receivable", body.get("receivable", ""))
        amount = format_amount(screen.amount_minor, screen.currency)
        ranked.append((screen.amount_minor, f"{amount} {name} {what}"))
    by_party = sorted(sums.items(), key=lambda row: (-sum(row[1]), row[0]))
    for (name, currency), minor in by_party[:PARTIES_SHOWN]:
        total = format_amount(sum(minor), currency)
        yield "with", f"{name}: {_times(len(minor))}, {total}"
    if len(by_party) > PARTIES_SHOWN:
        yield "", f"and {len(by_party) - PARTIES_SHOWN} more"
    for kind in sorted(kind for kind, count in kinds.items() if kind and count):
        yield "of them", f"{kinds[kind]} {kind}"
    if dates:
        first, last = min(dates), max(dates)
        yield "due", first if first == last else f"{first} to {last}"
    for _, text in sorted(ranked, reverse=True)[:LARGEST_SHOWN]:
        yield "largest", text


# -- on the way to more signatures --


def sign_batch(session: Session, path: Path) -> None:
    """Add this wallet's signature to every line of a batch; no node is asked.

    Raises:
        LedgerError: those of ``read_batch`` and ``confirm_batch``;
            ``wrong_signers``.
    """
    files = read_batch(path)
    for file in files:
        if session.member not in file.open()["by"]:
            raise LedgerError("wrong_signers", found=name_id("member", session.member))
    confirm_batch(session, path, files)
    key = session.key()
    save_batch(path, [file.sign(key) for file in files])
    told = {"status": "signed", "transactions": len(files)}
    session.tell(told, f"Signed. Whoever is missing: run: allonge sign {path}")
    print_note(f"Then: run: allonge send {path}")


def send_batch(session: Session, paths: Sequence[Path]) -> int:
    """Send a batch with the signatures of its copies; return the exit code.

    Raises:
        LedgerError: those of ``read_batch``; ``other_payload``;
            ``wrong_chain``.
    """
    merged = {file.transaction: file for file in read_batch(paths[0])}
    for path in paths[1:]:
        for file in read_batch(path):
            if file.transaction not in merged:
                raise LedgerError("other_payload", path=path)
            merged[file.transaction] = merged[file.transaction].merge(file)
    if any(file.open()["chain"] != session.chain for file in merged.values()):
        raise LedgerError("wrong_chain", expected=session.chain)
    named = {f"number {n}": file for n, file in enumerate(merged.values(), start=1)}
    return _report(session, send_named(session, named))


# -- what became of it --


def send_named(
    session: Session, named: Mapping[str, SigningFile], *, in_order: bool = False
) -> list[JSONObject]:
    """Send files; return a row each: line, id, status, what it created.

    Raises:
        LedgerError: those of ``send_files``.
    """
    outcomes = send_files(session, list(named.values()), in_order=in_order)
    rows = []
    for line, file in named.items():
        item = file.transaction
        row: JSONObject = {"id": item, "line": line, **outcomes[item]}
        if row["status"] == "committed":
            row |= name_created(file.open()["act"], item)
        rows.append(row)
    return rows


def _report(session: Session, rows: Sequence[JSONObject], *, about: bool = True) -> int:
    """Print what became of every line; return the exit code."""
    statuses = [row["status"] for row in rows]
    counts = {name: statuses.count(name) for name in STATUSES}
    _print_refused(rows)
    if session.as_json and about:
        print_json({"items": list(rows), **counts})
    elif session.quiet:
        for row in rows:
            if row["status"] == "committed":
                print_text(row.get("created", row)["id"])
    elif about:
        print_text(", ".join(f"{count} {name}" for name, count in counts.items()))
    if counts["unknown"]:
        print_note("The same command again sends the same bytes; they count once.")
        return EXIT_UNKNOWN
    return EXIT_REFUSED if counts["refused"] else 0


def _print_refused(rows: Sequence[JSONObject]) -> None:
    for row in rows:
        if "code" in row:
            print_note(f"{row['line']}: error[{row['code']}]: {row.get('reason', '')}")
            print_note(f"    fix: {row['fix']}")
