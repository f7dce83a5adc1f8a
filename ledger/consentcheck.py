"""Who had to sign for what a block changed, whatever its rules ask for (I12).

Rules declare who signs each act. If they ask the wrong member, or nobody, every
signature is good and the ledger is robbed all the same. So what is written is
looked at: each row names what may not change without somebody's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ledger.books import wrong
from ledger.encoding import JSONObject
from ledger.state import scan_records
from ledger.transactions import object_id
from ledger.written import Block

UNIT_SUMS: Final = ("live_minor", "retired_minor", "reduced_minor")
# As far ahead as any zone is.
FARTHEST_MINUTES: Final = 840
SIDES: Final = {"debtor": "supplier", "supplier": "debtor"}
FAILED: Final = ("rejected", "returned")
PAPER: Final = ("authority", "document", "guardian", "placer", "reference")

# Members of whom one signed; all of several such sets did.
Needed = Iterable[set[str]]


class Word(NamedTuple):
    """What may not change without somebody's word.

    Attributes:
        kind: of the record.
        changed: says whether that changed, from a record ({} for none) to another.
        needed: gives who signs, from the block and the record before and after.
        named: gives what the acts name that they sign.
    """

    kind: str
    changed: Callable[[JSONObject, JSONObject], bool]
    needed: Callable[[Block, JSONObject, JSONObject], Needed]
    named: Callable[[JSONObject], tuple[object, ...]]


def check_consent(block: Block) -> None:
    """Return if whoever had to sign for what a block changed did.

    Raises:
        LedgerError: ``books_wrong``, naming I12 and the record.
    """
    for word in WORDS:
        for was, record in block.writes.get(word.kind, ()):
            before = was or {}
            if record is not None and word.changed(before, record):
                signed = block.signers(*word.named(record))
                for some in word.needed(block, before, record):
                    if not some & signed:
                        item, asked = record["id"], " or ".join(sorted(some))
                        raise wrong("I12", item, f"signed by {asked}", sorted(signed))
    _check_mandates(block)
    _check_moved(block)
    _check_reduced(block)
    _check_orders(block)


def _id(record: JSONObject) -> tuple[object, ...]:
    return (record["id"],)


def _account_of(block: Block, record: JSONObject, role: str) -> set[str]:
    """Return who has a role for an account, before and after the block."""
    item = str(record.get("account", record["id"]))
    found = (block.read("account", item), block.was("account", item))
    return {str(account[role]) for account in found if account}


def _is_live(receivable: JSONObject) -> bool:
    return any(receivable.get(name) for name in UNIT_SUMS)


def _next(record: JSONObject, name: str) -> object:
    return record.get("next", {}).get(name)


def _mandate(account: JSONObject) -> JSONObject:
    mandate = account.get("mandate", {})
    return {name: mandate[name] for name in mandate if name != "used_minor"}


def _receivers(block: Block, deal: JSONObject) -> Needed:
    """Yield the payee, unless its price came to the account in this block."""
    paid = [r for r in block.new("receipt") if r["id"] == deal.get("receipt")]
    if not paid or paid[0]["amount_minor"] != deal["price_minor"]:
        yield {deal["payee"]}


def _waivers(block: Block, before: JSONObject, record: JSONObject) -> Needed:
    del before
    for was, group in block.changed("interest"):
        more = group.get("waived_minor", 0) > was.get("waived_minor", 0)
        if more and group["scope"] == record["id"]:
            yield {group["holder"]}


def _sent_again(block: Block, before: JSONObject, payout: JSONObject) -> Needed:
    """Yield the owner; and nobody may send what is under way."""
    yield _account_of(block, payout, "owner")
    if len(payout["attempts"]) > 1 + len(before.get("attempts", [])):
        yield set()
    for was in before.get("outcomes", [])[-1:]:
        # Its bank may have said so in the same block.
        if was not in FAILED and payout["outcomes"][-2] not in FAILED:
            yield set()


WORDS: Final = (
    Word(
        "payout",
        lambda was, now: len(now["attempts"]) > len(was.get("attempts", [])),
        _sent_again,
        _id,
    ),
    Word(
        "payout",
        lambda was, now: (
            now["outcomes"][: len(was.get("outcomes", []))] != was.get("outcomes", [])
        ),
        lambda block, _, now: [_account_of(block, now, "attester")],
        lambda now: (now["account"],),
    ),
    Word(
        "account",
        lambda was, now: "mandate" in now and _mandate(was) != _mandate(now),
        lambda block, _, now: [_account_of(block, now, "owner")],
        lambda now: (now["id"], now["mandate"]["document"]),
    ),
    Word(
        "account",
        lambda was, now: bool(was) and was["closed_date"] != now["closed_date"],
        lambda block, _, now: [_account_of(block, now, "attester")],
        _id,
    ),
    Word(
        "entry",
        lambda was, _: not was,
        lambda block, _, now: [_account_of(block, now, "attester")],
        lambda now: (now["account"],),
    ),
    Word(
        "receivable",
        lambda was, now: now["early"] and not was.get("early"),
        lambda _, __, now: [{now["debtor"]}],
        _id,
    ),
    Word(
        "receivable",
        lambda was, now: was.get("proposer") != now["proposer"],
        lambda _, __, now: [{now[now["proposer"]]}],
        lambda now: (now["id"], now["programme"]),
    ),
    Word(
        "receivable",
        lambda was, now: _is_live(now) and not _is_live(was),
        lambda _, __, now: [{now[SIDES[now["proposer"]]]}],
        _id,
    ),
    Word(
        "receivable",
        lambda was, now: (
            now.get("interest_waived_minor", 0) > was.get("interest_waived_minor", 0)
        ),
        _waivers,
        _id,
    ),
    Word(
        "payto",
        lambda was, _: not was,
        lambda _, __, now: [{now["debtor"]}],
        lambda now: (now["receivable"],),
    ),
    Word(
        "answer",
        lambda was, now: was.get("agrees") != now["agrees"],
        lambda _, __, now: [{now["id"]}],
        lambda now: (now["scope"],),
    ),
    Word(
        "payout_account",
        lambda was, now: (
            _next(now, "commitment") not in (None, _next(was, "commitment"))
        ),
        lambda _, __, now: [{now["member"]}],
        lambda now: (_next(now, "commitment"),),
    ),
    Word(
        "payout_account",
        lambda was, now: (
            "commitment" in now
            and now["commitment"] != was.get("commitment")
            and not (
                _next(was, "verified") and now["commitment"] == _next(was, "commitment")
            )
        ),
        lambda _, __, now: [{now["attester"]}],
        lambda now: (now["commitment"],),
    ),
    Word(
        "payout_account",
        lambda was, now: bool(_next(now, "verified") and not _next(was, "verified")),
        lambda _, __, now: [{now["next"]["attester"]}],
        lambda now: (_next(now, "commitment"),),
    ),
    Word(
        "deal",
        lambda was, now: now["state"] == "moved" and was.get("state") == "open",
        lambda block, _, now: _receivers(block, now),
        _id,
    ),
)


def _check_mandates(block: Block) -> None:
    """No more is instructed than a mandate of the account's owner allows, nor later."""
    for was, account in block.changed("account"):
        mandate, before = account.get("mandate"), was.get("mandate", {})
        if mandate and mandate["used_minor"] > before.get("used_minor", 0):
            over = mandate["used_minor"] > mandate["limit_minor"]
            if over or mandate["until"] < block.date(FARTHEST_MINUTES):
                raise wrong("I12", account["id"], mandate, "instructed beyond it")


def _check_moved(block: Block) -> None:
    """A debt is paid to another account after its notice, if no holder objects.

    Who says nothing agrees to one of the same owner and attester, unless it lends.
    """
    for was, record in block.changed("receivable"):
        item, places = record["id"], (was["account"], record["account"])
        if places[0] == places[1]:
            continue
        notice: JSONObject = {"id": ""}
        for _, payto in block.changed("payto"):
            told = (payto["receivable"], payto["account"]) == (item, places[1])
            notice = payto if told and payto["until_ms"] < block.time else notice
        old, new = (block.read("account", place) for place in places)
        alike = all(old[name] == new[name] for name in ("attester", "owner"))
        for tile in scan_records(block.view, "live", item):
            lends = "lender" in block.read("member", tile["holder"])["roles"]
            said = block.read("answer", tile["holder"], notice["id"])
            if not notice["id"] or not said.get("agrees", alike and not lends):
                raise wrong("I12", item, f"agreed by {tile['holder']}", places[1])


def _check_reduced(block: Block) -> None:
    """Units are owed no more by the word of their holder, or of an authority."""
    for was, tile in block.writes.get("tile", ()):
        if tile is None or tile["state"] != "reduced":
            continue
        if was is None or was["state"] != "reduced":
            signed = block.signers(tile["scope"])
            ordered = (act.body.get("order") for act in block.naming(tile["scope"]))
            placed = {it["placer"] for it in ordered if isinstance(it, dict)}
            if tile["holder"] not in signed and not placed & signed:
                item = f"{tile['scope']}/{tile['lo']}"
                raise wrong("I12", item, f"signed by {tile['holder']}", sorted(signed))


# -- orders ----------------------------------------------------------------------------


def _check_orders(block: Block) -> None:
    """An order is as its authority's channel signed it, and ends as that says."""
    for was, order in block.writes.get("order", ()):
        if order is None:
            raise wrong("I12", (was or {})["id"], "an order for ever", "none")
        if was is None:
            _check_placed(block, order)
            continue
        kept = [name for name in was if name not in ("held_to", "state", "taken_minor")]
        if any(was[name] != order.get(name) for name in kept):
            raise wrong("I12", order["id"], "as it was placed", "another order")
        if was["state"] != order["state"]:
            _check_ended(block, order)


def _check_placed(block: Block, order: JSONObject) -> None:
    for act in block.acts:
        if object_id("order", act.id, 0) == order["id"]:
            body = {**act.body, **_paper(act.body["order"])}
            del body["order"]
            if "administrator" in body:
                body["redirect"] = body.pop("administrator")
            if "amount_minor" in body:
                body["limit_minor"] = body.pop("amount_minor")
            different = [name for name in body if body[name] != order.get(name)]
            more = {"limit_minor", "redirect", "guardian"} & order.keys() - body.keys()
            if not different and not more:
                return _check_channel(block, order, order, set(act.by))
    raise wrong("I12", order["id"], "as it was signed", "another order")


def _paper(body: JSONObject) -> JSONObject:
    return {name: body[name] for name in PAPER if name in body}


def _check_ended(block: Block, order: JSONObject) -> None:
    if order["state"] == "expired":
        if order["until_ms"] >= block.time:
            raise wrong("I12", order["id"], f"in force until {order['until_ms']}", "")
        return
    ending = order["released_by"]
    _check_channel(block, order, ending, block.signers(order["id"]))
    same = "guardian" in order or ending["placer"] == order["placer"]
    if not same or ending.get("guardian") not in (None, order.get("guardian")):
        raise wrong("I12", order["id"], order["placer"], ending["placer"])


def _check_channel(
    block: Block, order: JSONObject, paper: JSONObject, signed: set[str]
) -> None:
    """A regulator signs, or an operator with a lender or regulator of its own."""
    members = [paper["placer"], paper.get("guardian", paper["placer"])]
    first, second = (set(block.read("member", item)["roles"]) for item in members)
    alone = members[0] == members[1]
    fits = "regulator" in first if alone else second & {"lender", "regulator"}
    if not fits or not set(members) <= signed:
        raise wrong("I12", order["id"], "signed by a channel", sorted(signed))
