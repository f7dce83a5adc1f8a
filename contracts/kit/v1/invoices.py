"""Invoices used: one claim is never turned into two receivables.

An invoice is identified by debtor, seller, number, issue date and currency in
a fixed normal form. Uses summed over all receivables never exceed its amount
(I4). Look-alikes are allowed only if the debtor signs that they differ.
"""

from typing import Annotated

from pydantic import Field

from contracts.kit.v1.numbers import UPPER, normalise_number
from contracts.kit.v1.records import OPEN_STATES
from contracts.kit.v1.rule import Amount, Context, Date, Hash, Payload, Record

DIGITS = "0123456789"
# Full-width letters and digits of East Asian keyboards, in ASCII order.
WIDE_DIGITS = "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19"
WIDE_UPPER = (
    "\uff21\uff22\uff23\uff24\uff25\uff26\uff27\uff28\uff29\uff2a\uff2b\uff2c\uff2d"
    "\uff2e\uff2f\uff30\uff31\uff32\uff33\uff34\uff35\uff36\uff37\uff38\uff39\uff3a"
)
WIDE_LOWER = (
    "\uff41\uff42\uff43\uff44\uff45\uff46\uff47\uff48\uff49\uff4a\uff4b\uff4c\uff4d"
    "\uff4e\uff4f\uff50\uff51\uff52\uff53\uff54\uff55\uff56\uff57\uff58\uff59\uff5a"
)
# Capitals of Cyrillic and Greek that look like Latin ones, then small letters.
ALIKE = (
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0430\u0435\u043a\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u03bf\u03bd\u03b9"
)
ALIKE_PLAIN = "ABEKMHOPCTYXSIJ" + "ABEZHIKMNOPTYX" + "AEKOPCYXSIJOVI"
# Digits of Arabic, Persian and Hindi.
ARABIC = "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669"
PERSIAN = "\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9"
HINDI = "\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f"
NEAR_MAX = 50

Number = Annotated[str, Field(pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,49}$")]


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


def resemble_number(number: str) -> list[str]:
    """Return the loose forms: letters and digits, no leading zeros.

    In one form the marks between digits are as if never written, in the other
    they end a run of digits: ``7-001`` is like ``7001``, and like ``7-1``.
    """
    narrow = [_narrow(char) for char in normalise_number(number)]
    compact = _drop_zeros([char for char in narrow if char])
    parted = _drop_zeros(narrow)
    return [compact] if compact == parted else [compact, parted]


def _narrow(char: str) -> str:
    """Return a letter or digit as an ASCII capital or digit, "" for a mark."""
    for wide, plain in (
        (WIDE_DIGITS, DIGITS),
        (WIDE_UPPER, UPPER),
        (WIDE_LOWER, UPPER),
        (ALIKE, ALIKE_PLAIN),
        (ARABIC, DIGITS),
        (PERSIAN, DIGITS),
        (HINDI, DIGITS),
    ):
        place = wide.find(char)
        if place >= 0:
            return plain[place]
    return char if char in DIGITS or char in UPPER else ""


def _drop_zeros(chars: list[str]) -> str:
    """Return the characters joined, runs of digits without leading zeros."""
    kept: list[str] = []
    run = ""
    for char in [*chars, ""]:
        if char and char in DIGITS:
            # A zero counts only behind another digit of its run.
            run = char if run == "0" else run + char
        else:
            kept += [run, char]
            run = ""
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


def near_ids(ctx: Context, record: Record, use: Record) -> list[str]:
    """Return the ids under which look-alikes of an invoice are listed."""
    parties = [record["debtor"], record["supplier"], record["currency"]]
    return [
        ctx.hash_text("/".join([*parties, form]))
        for form in resemble_number(use["number"])
    ]


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
        if "retained_by" in use:
            if not confirming:
                _draw_retention(ctx, record, use, use["used_minor"])
            continue
        if not confirming:
            _reserve(ctx, record, use, item)
        for near in near_ids(ctx, record, use):
            if confirming:
                _judge_near(ctx, near, item, different)
            else:
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
    source: Record | None = ctx.read("receivable", use["retained_by"])
    if source is None:
        # As for somebody else's: whether there is one is nobody else's business.
        ctx.refuse("invoice_overused", receivable=use["retained_by"])
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
        listed = known["invoices"]
        if len(listed) >= NEAR_MAX:
            # What was freed again takes no place; it is listed when it comes back.
            listed = [i for i in listed if ctx.need("invoice", i)["used_minor"]]
        if len(listed) >= NEAR_MAX:
            ctx.refuse("limit_exceeded", near_max=NEAR_MAX)
        ctx.write({**known, "invoices": [*listed, item]})


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
