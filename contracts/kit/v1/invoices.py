"""Invoices used: one claim is never turned into two receivables.

An invoice is identified by debtor, seller, number, issue date and currency in
a fixed normal form. Uses summed over all receivables never exceed its amount
(I4). Look-alikes are allowed only if the debtor signs that they differ.
"""

from typing import Annotated

from pydantic import Field

from contracts.kit.v1.records import OPEN_STATES
from contracts.kit.v1.rule import Amount, Context, Date, Hash, Payload, Record

LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
NEAR_MAX = 50

Number = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f/ ]([^\x00-\x1f\x7f/]{0,49})$")]


class InvoiceUse(Payload):
    """An invoice and how much of its amount a receivable draws on.

    A receivable for a retention names the receivable that retained it: it
    draws on that deduction, because the invoice itself is used up.
    """

    amount_minor: Amount
    issue_date: Date
    number: Number
    used_minor: Amount
    retained_by: Hash | None = None


def normalise_number(number: str) -> str:
    """Return the strict form: ASCII letters in capitals, no spaces."""
    kept = []
    for char in number:
        place = LOWER.find(char)
        if place >= 0:
            kept.append(UPPER[place])
        elif char != " ":
            kept.append(char)
    return "".join(kept)


def resemble_number(number: str) -> str:
    """Return the loose form: ASCII letters and digits, no leading zeros."""
    kept: list[str] = []
    run = ""
    for char in normalise_number(number) + " ":
        if char in DIGITS:
            # A zero counts only behind another digit of its run.
            run = char if run == "0" else run + char
        elif char in UPPER or char == " ":
            kept.append(run)
            run = ""
            if char != " ":
                kept.append(char)
    return "".join(kept)


def invoice_id(ctx: Context, record: Record, use: Record) -> str:
    """Return the id of an invoice's identity."""
    parts = [
        record["debtor"],
        record["supplier"],
        record["currency"],
        use["issue_date"],
        normalise_number(use["number"]),
    ]
    return ctx.hash_text("/".join(parts))


def near_id(ctx: Context, record: Record, use: Record) -> str:
    """Return the id under which look-alikes of an invoice are listed."""
    parts = [
        record["debtor"],
        record["supplier"],
        record["currency"],
        resemble_number(use["number"]),
    ]
    return ctx.hash_text("/".join(parts))


def reserve_uses(
    ctx: Context, record: Record, different: list[str], *, confirming: bool
) -> None:
    """Reserve a receivable's invoice uses, or judge look-alikes of them.

    Args:
        ctx: the context.
        record: the receivable with its list of uses.
        different: invoice ids the debtor signs to be no duplicates.
        confirming: the debtor is signing: judge look-alikes, reserve nothing.

    Raises:
        Refusal: ``invoice_differs``, ``invoice_overused``,
            ``near_duplicate``, ``limit_exceeded``.
    """
    for use in record["invoices"]:
        item = invoice_id(ctx, record, use)
        near = near_id(ctx, record, use)
        if "retained_by" in use:
            if not confirming:
                _draw_retention(ctx, record, use, use["used_minor"])
        elif confirming:
            _judge_near(ctx, near, item, different)
        else:
            _reserve(ctx, record, use, item)
            _list_near(ctx, near, item)


def _reserve(ctx: Context, record: Record, use: Record, item: str) -> None:
    invoice: Record | None = ctx.read("invoice", item)
    if invoice is None:
        invoice = {
            "amount_minor": use["amount_minor"],
            "debtor": record["debtor"],
            "id": item,
            "kind": "invoice",
            "seller": record["supplier"],
            "used_minor": 0,
        }
        ctx.create(invoice)
    if not invoice["used_minor"]:
        # Freed by a refusal, expiry or cancellation: nothing binds its amount.
        invoice["amount_minor"] = use["amount_minor"]
    if invoice["amount_minor"] != use["amount_minor"]:
        ctx.refuse("invoice_differs", amount_minor=invoice["amount_minor"])
    used = invoice["used_minor"] + use["used_minor"]
    if used > invoice["amount_minor"]:
        ctx.refuse("invoice_overused", used_minor=invoice["used_minor"])
    ctx.write({**invoice, "used_minor": used})


def _draw_retention(
    ctx: Context, record: Record, use: Record, amount_minor: int
) -> None:
    """Add to what is drawn on another receivable's retention."""
    source: Record = ctx.need("receivable", use["retained_by"])
    same = [
        other
        for other in source["invoices"]
        if invoice_id(ctx, source, other) == invoice_id(ctx, record, use)
    ]
    if not same or source["state"] not in (*OPEN_STATES, "settled"):
        ctx.refuse("invoice_overused", receivable=source["id"])
    retained = sum(
        row["amount_minor"]
        for row in source.get("deductions", [])
        if row["type"] == "retention"
    )
    drawn = source.get("retention_drawn_minor", 0) + amount_minor
    if drawn > retained:
        ctx.refuse("invoice_overused", retained_minor=retained)
    ctx.write({**source, "retention_drawn_minor": drawn})


def _list_near(ctx: Context, near: str, item: str) -> None:
    known: Record | None = ctx.read("near", near)
    if known is None:
        ctx.create({"id": near, "invoices": [item], "kind": "near"})
    elif item not in known["invoices"]:
        if len(known["invoices"]) >= NEAR_MAX:
            ctx.refuse("limit_exceeded", near_max=NEAR_MAX)
        ctx.write({**known, "invoices": [*known["invoices"], item]})


def _judge_near(ctx: Context, near: str, item: str, different: list[str]) -> None:
    if item in different:
        return
    for other in ctx.need("near", near)["invoices"]:
        if other != item and ctx.need("invoice", other)["used_minor"]:
            ctx.refuse("near_duplicate", invoice=item)


def free_uses(ctx: Context, record: Record) -> None:
    """Give a receivable's invoice uses back."""
    for use in record["invoices"]:
        if "retained_by" in use:
            _draw_retention(ctx, record, use, -use["used_minor"])
            continue
        invoice: Record = ctx.need("invoice", invoice_id(ctx, record, use))
        ctx.write({**invoice, "used_minor": invoice["used_minor"] - use["used_minor"]})
