"""Money as the bank attests it: entries of a statement, closed days.

The ledger keeps no cash; it records what the attester of an account says, each
bank reference once (I10). A fact that does not fit blocks the account's
payouts under a name; it never blocks the bank's book or the ledger.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Balance,
    Context,
    Date,
    Hash,
    Literal,
    Payload,
    Record,
    Rule,
    Signer,
    Text,
    Word,
    add_day,
    attestation_order,
    bound,
    date_of_ms,
    sign_prices,
    to_record,
)
from contracts.kit.v1.books import count_entry, entry_id, sign_attestation, signed_minor
from contracts.kit.v1.discrepancies import (
    CLEARED_BY_CLOSE,
    close_discrepancy,
    list_open,
    open_discrepancy,
)
from contracts.kit.v1.entries import apply_entry, apply_reversal, apply_what_fits
from contracts.kit.v1.reversals import LINES_MAX

ENTRIES_MAX = 100
# Fields that only one class of entry has.
OWN_FIELDS = (("charges_minor", "return"), ("original", "reversal"))

rule = Rule(
    "receivable",
    part="bank",
    writes=(
        "account",
        "advice",
        "claim",
        "deal",
        "discrepancy",
        "entry",
        "exposure",
        "interest",
        "line",
        "misdirected",
        "offer",
        "order",
        "payout",
        "receipt",
        "receivable",
        "share",
        "tile",
    ),
    refusals={
        "wrong_attester": (
            "unauthorised",
            "not the attester of this account",
            "Only the account's attester says what happened on it.",
            "See who it is: run: allonge show ACCOUNT",
        ),
        "file_hash_missing": (
            "refused",
            "an agent's word without its file",
            "A settlement agent names the bank's file by its hash.",
            "Import the bank's file: run: allonge bank import FILE",
        ),
        "not_authoritative": (
            "refused",
            "not the account's type of message",
            "One type of message counts for an account; the others only reconcile.",
            "Import the statement of the type the account names.",
        ),
        "wrong_currency": (
            "refused",
            "another currency than the account's",
            "A collection account is kept in one currency.",
            "Correct the file.",
        ),
        "wrong_field": (
            "refused",
            "a field that the entry's class does not have",
            "Only returns name what banks kept, only reversals what they take back.",
            "Correct the file.",
        ),
        "reference_used": (
            "stale",
            "the bank reference was applied before",
            "Each entry of a statement counts once.",
            "Import the file again; entries known are left out.",
        ),
        "day_closed": (
            "stale",
            "the day is closed",
            "Days are closed in order, each once.",
            "Take a later day; the bank says on which it booked an entry.",
        ),
        "day_in_future": (
            "refused",
            "the day has not ended yet",
            "Nothing is booked or closed ahead of block time.",
            "Wait for the day.",
        ),
        "unknown_payout": (
            "refused",
            "no payout has this end-to-end id",
            "A payment or return names an attempt of ours.",
            "See what was ordered: run: allonge payout list",
        ),
        "amount_mismatch": (
            "refused",
            "the amount is not that of the payout",
            "A payout is paid and returned at its full amount.",
            "Ask the bank; or owner and attester sign what the difference is.",
        ),
        "wrong_state_of_payout": (
            "stale",
            "the payout is not in the right state",
            "Due, then instructed, then paid; a return reopens it.",
            "See its state: run: allonge payout list",
        ),
        "unknown_original": (
            "refused",
            "no receipt has the key that a reversal names",
            "A reversal takes back a receipt that was recorded before.",
            "Record the receipt; or owner and attester sign what it was.",
        ),
        "late_booking": (
            "stale",
            "an entry was booked on a closed day",
            "The bank's closing balance of that day did not contain it.",
            "Close the next day with a balance that contains it.",
        ),
        "balance_mismatch": (
            "refused",
            "a closing balance differs from the entries",
            "Opening balance plus credits minus debits is the closing balance.",
            "Record what is missing and close the day again.",
        ),
        "not_to_apply": (
            "refused",
            "nothing that could be applied",
            "It is no entry, or it was not open under this amount.",
            "Clear it as the owner's own, or let the next close clear it.",
        ),
    },
)


class Entry(Payload):
    """One booked entry of a statement.

    Attributes:
        key: identity of the entry at the bank: direction, class and UETR,
            else servicer reference and detail, else statement, entry, detail.
        end_to_end: our payout attempt, for payouts, returns and their charges.
        payer: member the bank knows as payer.
        reference: deal, receivable or invoice number the payer wrote.
        original: key of the receipt that a reversal takes back.
        charges_minor: what banks kept of a return.
    """

    amount_minor: Amount
    booking_date: Date
    currency: Annotated[str, bound(3, 3)]
    key: Text
    type: Literal[
        "receipt", "return", "reversal", "payout", "charge", "interest", "other"
    ]
    value_date: Date
    charges_minor: Amount | None = None
    end_to_end: Annotated[str, bound(1, 35)] | None = None
    original: Text | None = None
    payer: Hash | None = None
    reference: Text | None = None


class RecordEntries(Payload):
    """``bank.record``: entries of one account."""

    account: Hash
    attester: Hash
    entries: Annotated[list[Entry], bound(1, ENTRIES_MAX)]
    file_hash: Hash
    message: Word | None = None


def sign_record(ctx: Context, body: RecordEntries) -> list[Signer]:
    """The account's attester; of the price of its own deal, the payee too."""
    texts = [e.reference or "" for e in body.entries if e.type == "receipt"]
    return [
        sign_attestation(ctx, body.account, body.attester, body.file_hash),
        *sign_prices(ctx, body.attester, texts),
    ]


@rule.action(
    "bank.record", RecordEntries, signers=sign_record, on=("account", "account")
)
def record_entries(ctx: Context, body: RecordEntries) -> None:
    """Apply each entry once, in order."""
    account = ctx.need("account", body.account)
    if account.get("message", "") != (body.message or ""):
        ctx.refuse("not_authoritative", message=account.get("message", ""))
    for n in range(len(body.entries)):
        record_entry(ctx, body, body.entries[n], n)


def zone_today(ctx: Context) -> str:
    """Return the date of block time as far ahead as any zone is."""
    return date_of_ms(ctx.time, 840)


def record_entry(ctx: Context, body: RecordEntries, given: Entry, n: int) -> None:
    """Write an entry, what follows from its class, and what does not fit."""
    account = ctx.need("account", body.account)
    if given.currency != account["currency"]:
        ctx.refuse("wrong_currency", currency=given.currency)
    if given.booking_date > zone_today(ctx):
        ctx.refuse("day_in_future", date=given.booking_date)
    fields = to_record(given)
    for name, kind in OWN_FIELDS:
        if name in fields and given.type != kind:
            ctx.refuse("wrong_field", field=name)
    item = entry_id(ctx, body.account, given.type, given.key)
    entry = {
        **fields,
        "account": body.account,
        "file_hash": body.file_hash,
        "id": item,
        "kind": "entry",
    }
    order = attestation_order(ctx, n)
    late = count_entry(ctx, entry)
    common = {"account": body.account, "order": order}
    if late:
        found = {**common, "code": "late_booking", "net_minor": 0}
        open_discrepancy(ctx, {**found, "id": ctx.hash_text("late/" + item)})
    code = apply_entry(ctx, entry, order)
    if code:
        end = given.original or given.end_to_end or ""
        found = {**common, "code": code, "entry": item, "id": item}
        found["net_minor"] = signed_minor(entry)
        open_discrepancy(ctx, {**found, "end": end} if end else found)
    if code == "sweep_running":
        ctx.schedule(ctx.need("discrepancy", item), "retry", ctx.time + 1)
    ctx.emit("entry", entry=item, amount_minor=given.amount_minor)


@rule.job("discrepancy", "retry")
def retry_reversal(ctx: Context, target: Record) -> None:
    """Take a receipt back once its money is distributed."""
    if target["state"] != "open":
        return
    entry = ctx.need("entry", target["entry"])
    original, amount = entry["original"], entry["amount_minor"]
    code = apply_reversal(ctx, entry, original, amount, LINES_MAX)
    if not code:
        close_discrepancy(ctx, target, "explained", target["id"])
    elif code == "sweep_running":
        ctx.schedule(target, "retry", ctx.time + 1)
    else:
        ctx.write({**target, "code": code})


class CloseDay(Payload):
    """``bank.close``: the attester's closing balance of a day."""

    account: Hash
    attester: Hash
    closing_minor: Balance
    date: Date
    no_movement: bool
    file_hash: Hash | None = None


def sign_close(ctx: Context, body: CloseDay) -> list[Signer]:
    """The account's attester."""
    file_hash = body.file_hash or ""
    return [sign_attestation(ctx, body.account, body.attester, file_hash)]


@rule.action("bank.close", CloseDay, signers=sign_close, on=("account", "account"))
def close_day(ctx: Context, body: CloseDay) -> None:
    """Close a day whose balance adds up, else block the account's payouts."""
    account = ctx.need("account", body.account)
    if body.date <= account["closed_date"]:
        ctx.refuse("day_closed", date=account["closed_date"])
    if body.date > zone_today(ctx):
        ctx.refuse("day_in_future", date=body.date)
    ended = [day for day in account["days"] if day["date"] <= body.date]
    closing = sum([day["net_minor"] for day in ended], account["closing_minor"])
    if closing != body.closing_minor or (ended and body.no_movement):
        order = attestation_order(ctx, 0)
        wrong = [
            found["id"]
            for found in list_open(ctx, account["id"])
            if found["code"] == "balance_mismatch"
        ]
        item = ctx.hash_text("balance/" + account["id"] + "/" + order)
        found = {
            "account": account["id"],
            "code": "balance_mismatch",
            "date": body.date,
            "id": wrong[0] if wrong else item,
            "net_minor": body.closing_minor - closing,
            "order": order,
        }
        open_discrepancy(ctx, found)
        ctx.emit("balance_mismatch", account=account["id"], expected_minor=closing)
        return
    for found in list_open(ctx, account["id"]):
        if found["code"] in CLEARED_BY_CLOSE:
            close_discrepancy(ctx, found, "explained", body.date)
    known = ctx.need("account", account["id"])
    closed = {
        **{name: known[name] for name in known if name != "judged"},
        "closed_date": body.date,
        "closing_minor": closing,
        "days": [day for day in account["days"] if day["date"] > body.date],
    }
    ctx.write(closed)
    ctx.emit("day_closed", account=account["id"], date=body.date)
    ctx.schedule(closed, "judge", ctx.time)


class ClearDiscrepancy(Payload):
    """``discrepancy.clear``: owner and attester say what a fact was.

    Attributes:
        net_minor: what it moved, as the signers know it.
        outcome: ``own``, it is the owner's own money; ``apply``, it counts for
            what it names, or for what is named here.
        end_to_end: the attempt it was really about.
        original: the key of the receipt it really takes back.
    """

    account: Hash
    discrepancy: Hash
    net_minor: Balance
    outcome: Literal["own", "apply"]
    end_to_end: Annotated[str, bound(1, 35)] | None = None
    original: Text | None = None


def sign_clear(ctx: Context, body: ClearDiscrepancy) -> list[Signer]:
    """The account's owner, for the amount, and its attester."""
    account = ctx.need("account", body.account)
    attests = sign_attestation(ctx, body.account, account["attester"], body.discrepancy)
    pays = Signer(account["owner"], "pay", abs(body.net_minor), account["currency"])
    return [pays, attests]


@rule.action(
    "discrepancy.clear",
    ClearDiscrepancy,
    signers=sign_clear,
    on=("discrepancy", "discrepancy"),
)
def clear(ctx: Context, body: ClearDiscrepancy) -> None:
    """End a discrepancy by the word of owner and attester."""
    found = ctx.need("discrepancy", body.discrepancy)
    if found["account"] != body.account:
        ctx.refuse("not_found")
    if found["state"] != "open" or found["net_minor"] != body.net_minor:
        ctx.refuse("not_to_apply", state=found["state"])
    own: int = found["net_minor"]
    if body.outcome == "apply":
        if "entry" not in found:
            ctx.refuse("not_to_apply", discrepancy=found["id"])
        entry = ctx.need("entry", found["entry"])
        end = body.end_to_end or entry.get("end_to_end", "")
        original = body.original or entry.get("original", "")
        code, own = apply_what_fits(ctx, entry, end, original)
        if code:
            ctx.refuse(code, discrepancy=found["id"])
    elif found["code"] == "balance_mismatch":
        # No entry stands for it: the day gets the bank's figure.
        account = ctx.need("account", body.account)
        add_day(account, found["date"], own)
        ctx.write(account)
    close_discrepancy(ctx, found, "signed", body.outcome, own_minor=own)
