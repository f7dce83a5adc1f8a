"""Sale: ask lenders for prices, give firm ones, take one.

Asking locks nothing and each lender is asked apart, so that none learns who
else was. A quote is firm until it expires. Taking it opens a deal: the part is
locked, the price is paid, the units move. The rule computes every figure of a
quote again, so that nobody signs a wrong one.
"""

from contracts.kit.v1 import (
    Amount,
    Annotated,
    Context,
    Date,
    Hash,
    Input,
    Literal,
    Millis,
    Minor,
    Part,
    Payload,
    Ppm,
    Record,
    Rule,
    Signer,
    Text,
    Word,
    bound,
    check_open_until,
    check_part,
    check_passing,
    check_pay_by,
    check_receiver,
    check_same,
    is_related,
    need_disposal,
    need_free_tile,
    need_input,
    need_live,
    open_deal,
    price_part,
    to_record,
)

ASKED_MAX = 1000

rule = Rule(
    "receivable",
    part="sale",
    writes=("deal", "offer", "quote", "request", "tile"),
    refusals={
        "related_bidders": (
            "refused",
            "related companies may not bid against each other",
            "Two of the lenders asked are one, or belong to one group.",
            "Ask one of them.",
        ),
        "request_over": (
            "stale",
            "the request for a price is not open any more",
            "Its time is over, or the seller's business has ended.",
            "Wait until the seller asks again; what is open: run: allonge quote list",
        ),
        "request_changed": (
            "stale",
            "not what the request asks for",
            "Receivable, seller or part differ from the request.",
            "See what is asked: run: allonge quote list",
        ),
        "price_wrong": (
            "refused",
            "the figures of the price are wrong",
            "Discount, fees, net or price differ from what the terms give.",
            "Let the wallet compute it: run: allonge quote give --help",
        ),
        "quote_over": (
            "stale",
            "the quote is not open any more",
            "It was taken, its time is over, or its lender's business has ended.",
            "Ask for a new price; what is open: run: allonge quote list",
        ),
        "registration_missing": (
            "refused",
            "the sale is not registered",
            "The programme demands a registry record before money moves.",
            "Give its number and date: run: allonge take --help",
        ),
        "quote_changed": (
            "stale",
            "not what the quote says",
            "Buyer, part or price differ, or another member holds the part.",
            "See what is quoted: run: allonge quote list",
        ),
    },
)


class Request(Payload):
    """``sale.request``: ask lenders for a price; nothing is locked."""

    input: Input
    lenders: Annotated[list[Hash], bound(1, 8)]
    part: Part
    receivable: Hash
    until_ms: Millis


def sign_request(ctx: Context, body: Request) -> list[Signer]:
    """The holder; nothing is given."""
    return [Signer(need_input(ctx, body.input)["holder"], "manage")]


@rule.action(
    "sale.request",
    Request,
    signers=sign_request,
    on=("receivable", "receivable"),
    business=True,
)
def ask(ctx: Context, body: Request) -> None:
    """Write one request a lender."""
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    tile = need_input(ctx, body.input)
    need_disposal(ctx, tile["holder"])
    check_part(ctx, record, tile, body.part.lo, body.part.hi)
    check_open_until(ctx, body.until_ms)
    check_bidders(ctx, record, tile, body.lenders)
    for lender in body.lenders:
        request = {
            "currency": record["currency"],
            "hi": body.part.hi,
            "id": ctx.allocate("request"),
            "kind": "request",
            "lender": lender,
            "lo": body.part.lo,
            "receivable": record["id"],
            "seller": tile["holder"],
            "until_ms": body.until_ms,
        }
        ctx.create(request)
        ctx.schedule(request, "expire", body.until_ms + 1)
        ctx.emit("price_asked", request=request["id"])


def check_bidders(
    ctx: Context, record: Record, tile: Record, lenders: list[str]
) -> None:
    """Refuse who is no lender or cannot hold it, and related ones among those asked.

    Those whom the seller asked before about the same units count too.
    """
    asked = ctx.scan("asked", tile["holder"] + "/" + record["id"], limit=ASKED_MAX)
    known = [row["lender"] for row in asked if row["until_ms"] >= ctx.time]
    for lender in lenders:
        check_receiver(ctx, record, tile, lender)
        if "lender" not in ctx.need("member", lender)["roles"]:
            ctx.refuse("not_a_lender", member=lender)
    for position in range(len(lenders)):
        lender = lenders[position]
        others = [item for item in known if item != lender]
        for other in [*lenders[:position], *others]:
            if is_related(ctx, lender, other):
                ctx.refuse("related_bidders", member=lender, other=other)


class PricedFee(Payload):
    """A fee of the programme in money."""

    amount_minor: Minor
    name: Word
    payee: Hash
    payer: Literal["seller", "buyer"]


class Price(Payload):
    """All terms of a sale but who and what.

    Attributes:
        aware_overdue: the buyer takes it even if it is overdue.
        basis: how days are counted.
        discount_minor: off the face, by the method; signed as it is if flat.
        fees: those of the programme, in its order.
        from_date: first day of the discount; the last is before the due date.
        method: of the discount.
        net_minor: what the seller gets: face, discount, fees of the seller.
        pay_by_ms: last moment at which the price counts.
        price_minor: what the buyer pays: the net and all fees.
        rate_ppm: a year; 0 if flat.
        recourse: to the seller.
        way: to the settlement account, or directly to the seller.
    """

    aware_overdue: bool
    basis: Literal["act360", "act365f", "30e360"]
    discount_minor: Minor
    fees: Annotated[list[PricedFee], bound(0, 8)]
    from_date: Date
    method: Literal["bank_discount", "true_discount", "flat"]
    net_minor: Amount
    pay_by_ms: Millis
    price_minor: Amount
    rate_ppm: Ppm
    recourse: Literal["with", "without"]
    way: Literal["account", "direct"]


class Quote(Payload):
    """``sale.quote``: a lender's firm price until a deadline."""

    part: Part
    price: Price
    receivable: Hash
    request: Hash
    seller: Hash
    until_ms: Millis


def sign_quote(ctx: Context, body: Quote) -> list[Signer]:
    """The lender, for what it undertakes to pay."""
    request = ctx.need("request", body.request)
    price = body.price.price_minor
    return [Signer(request["lender"], "accept", price, request["currency"])]


@rule.action(
    "sale.quote",
    Quote,
    signers=sign_quote,
    on=("request", "request"),
    business=True,
    gone="request_over",
)
def quote(ctx: Context, body: Quote) -> None:
    """Write a firm price whose figures are right."""
    request = ctx.need("request", body.request)
    said = (body.receivable, body.seller, body.part.lo, body.part.hi)
    names = ("receivable", "seller", "lo", "hi")
    if [request[name] for name in names] != list(said):
        ctx.refuse("request_changed", request=request["id"])
    if request["until_ms"] < ctx.time:
        ctx.refuse("request_over", until_ms=request["until_ms"])
    record = need_live(ctx, body.receivable)
    programme = ctx.need("programme", record["programme"])
    check_open_until(ctx, body.until_ms)
    check_pay_by(ctx, programme, record, body.price.pay_by_ms)
    if body.until_ms > body.price.pay_by_ms:
        ctx.refuse("bad_deadline", until_ms=body.until_ms)
    check_price(ctx, programme, record, request, body.price)
    made = {
        "currency": record["currency"],
        "hi": request["hi"],
        "id": ctx.source,
        "kind": "quote",
        "lender": request["lender"],
        "lo": request["lo"],
        "price": to_record(body.price),
        "receivable": record["id"],
        "request": request["id"],
        "seller": request["seller"],
        "until_ms": body.until_ms,
    }
    ctx.create(made)
    ctx.schedule(made, "expire", body.until_ms + 1)
    ctx.emit("price_quoted", quote=ctx.source)


def check_price(
    ctx: Context, programme: Record, record: Record, request: Record, price: Price
) -> None:
    """Refuse a price of which any figure differs from what the rule computes."""
    if price.method == "flat" and price.rate_ppm:
        ctx.refuse("price_wrong", field="rate_ppm")
    face = request["hi"] - request["lo"]
    said = to_record(price)
    fees = programme.get("fees", [])
    right = price_part(face, record["adjusted_date"], said, fees)
    for name in ("discount_minor", "fees", "net_minor", "price_minor"):
        if said[name] != right[name]:
            ctx.refuse("price_wrong", field=name)


class Registration(Payload):
    """Where the assignment is registered, and what a search there found before.

    Attributes:
        date: of the record.
        number: of the record.
        registry: name of the register.
        search: hash of the search's result.
    """

    date: Date
    number: Text
    registry: Text
    search: Hash


class Take(Payload):
    """``sale.take``: the seller takes a quote; repeats all that it says."""

    buyer: Hash
    input: Input
    part: Part
    price: Price
    quote: Hash
    receivable: Hash
    registration: Registration | None = None


def sign_take(ctx: Context, body: Take) -> list[Signer]:
    """The seller, for the amount."""
    made = ctx.need("quote", body.quote)
    amount = made["hi"] - made["lo"]
    return [Signer(made["seller"], "give", amount, made["currency"])]


@rule.action(
    "sale.take",
    Take,
    signers=sign_take,
    on=("quote", "quote"),
    business=True,
    gone="quote_over",
)
def take(ctx: Context, body: Take) -> None:
    """Lock the part until the price is paid."""
    made = ctx.need("quote", body.quote)
    said = (body.receivable, body.buyer, body.part.lo, body.part.hi)
    if said != (made["receivable"], made["lender"], made["lo"], made["hi"]):
        ctx.refuse("quote_changed", quote=body.quote)
    if to_record(body.price) != made["price"]:
        ctx.refuse("quote_changed", quote=body.quote)
    if made["until_ms"] < ctx.time:
        ctx.refuse("quote_over", until_ms=made["until_ms"])
    check_same(ctx, body.receivable, body.input)
    record = need_live(ctx, body.receivable)
    tile = need_free_tile(ctx, body.receivable, body.input.lo, body.input.rev)
    if tile["holder"] != made["seller"]:
        ctx.refuse("quote_changed", quote=body.quote)
    price = made["price"]
    check_passing(ctx, record, tile, made["lender"], aware=price["aware_overdue"])
    programme = ctx.need("programme", record["programme"])
    if programme["registration"] and body.registration is None:
        ctx.refuse("registration_missing", programme=programme["id"])
    registered = {}
    if body.registration is not None:
        registered = {"registration": to_record(body.registration)}
    terms = {
        **price,
        **registered,
        "hi": made["hi"],
        "lo": made["lo"],
        "payer": made["lender"],
        "purpose": "sale",
        "quote": made["id"],
    }
    ctx.remove("quote", made["id"])
    open_deal(ctx, record, tile, terms)


@rule.job("request", "expire")
def expire_request(ctx: Context, target: Record) -> None:
    """Tidy up a request; its deadline has long counted."""
    ctx.remove("request", target["id"])


@rule.job("quote", "expire")
def expire_quote(ctx: Context, target: Record) -> None:
    """Tidy up a quote nobody took; its deadline has long counted."""
    ctx.remove("quote", target["id"])
