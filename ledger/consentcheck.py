"""Who had to sign for what a block changed, whatever its rules ask for (I12).

Rules declare who signs each act. If they ask the wrong member, or nobody, every
signature is good and the ledger is robbed all the same. So what is written is
looked at: each row names what may not change without somebody's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from ledger.blocks import date_at
from ledger.books import goes_live, wrong
from ledger.encoding import JSONObject
from ledger.state import scan_records
from ledger.transactions import object_id
from ledger.written import Block

# As far ahead as any zone is.
FARTHEST_MINUTES: Final = 840
SIDES: Final = {"debtor": "supplier", "supplier": "debtor"}
FAILED: Final = ("rejected", "returned")
PAPER: Final = ("authority", "document", "guardian", "placer", "reference")
# What of an order changes while it stands.
MOVING: Final = ("held_to", "state", "taken_minor")

# A record before, {} for none, and after.
Changed = Callable[[JSONObject, JSONObject], bool]
# Sets of members of whom one signed, each; an empty one is nobody's word.
Needed = Callable[[Block, JSONObject, JSONObject], Iterable[set[str]]]


class Word(NamedTuple):
    """What may not change without somebody's word.

    Attributes:
        kind: of the record.
        changed: says whether that changed.
        needed: gives who signs.
        named: the fields of which the acts that they sign name one.
    """

    kind: str
    changed: Changed
    needed: Needed
    named: tuple[str, ...] = ("id",)


def check_consent(block: Block) -> None:
    """Return if whoever had to sign for what a block changed did.

    Raises:
        LedgerError: ``books_wrong``, naming I12 and the record.
    """
    for word in WORDS:
        for was, record in block.left(word.kind):
            if word.changed(was, record):
                signed = block.signers(*(_field(record, name) for name in word.named))
                for some in word.needed(block, was, record):
                    if not some & signed:
                        item, asked = record["id"], " or ".join(sorted(some))
                        raise wrong("I12", item, f"signed by {asked}", sorted(signed))
    _check_mandates(block)
    _check_moved(block)
    _check_reduced(block)
    _check_orders(block)


# -- what changed ----------------------------------------------------------------------


def _field(record: JSONObject, path: str) -> Any:
    """Return what stands at a path such as ``next.attester``, None if nothing."""
    found: Any = record
    for name in path.split("."):
        found = (found or {}).get(name)
    return found


def _is_new(was: JSONObject, _now: JSONObject) -> bool:
    return not was


def _differs(path: str) -> Changed:
    return lambda was, now: _field(now, path) not in (None, _field(was, path))


def _grows(name: str) -> Changed:
    return lambda was, now: now.get(name, 0) > was.get(name, 0)


def _turns(path: str) -> Changed:
    return lambda was, now: bool(_field(now, path)) and not _field(was, path)


def _is_sent(was: JSONObject, now: JSONObject) -> bool:
    return len(now["attempts"]) > len(was.get("attempts", []))


def _is_told(was: JSONObject, now: JSONObject) -> bool:
    known = was.get("outcomes", [])
    return bool(now["outcomes"][: len(known)] != known)


def _is_mandated(was: JSONObject, now: JSONObject) -> bool:
    old, new = was.get("mandate", {}), now.get("mandate", {})
    return bool(new) and {**old, "used_minor": 0} != {**new, "used_minor": 0}


def _is_closed(was: JSONObject, now: JSONObject) -> bool:
    return bool(was) and was["closed_date"] != now["closed_date"]


def _is_put(was: JSONObject, now: JSONObject) -> bool:
    """Say whether a payout account is paid to that was not verified before."""
    known = _field(was, "next.verified") and _field(was, "next.commitment")
    return _differs("commitment")(was, now) and now["commitment"] != known


def _is_moved(was: JSONObject, now: JSONObject) -> bool:
    return bool(now["state"] == "moved" and was.get("state") == "open")


# -- who signs -------------------------------------------------------------------------


def _member(path: str) -> Needed:
    return lambda _block, _was, now: [{_field(now, path)}]


def _role(role: str) -> Needed:
    """Return who has a role for an account, before or after the block."""

    def needed(block: Block, _: JSONObject, now: JSONObject) -> Iterable[set[str]]:
        item = str(now.get("account", now["id"]))
        found = (block.read("account", item), block.was("account", item))
        yield {str(account[role]) for account in found if account}

    return needed


def _proposer(_block: Block, _was: JSONObject, now: JSONObject) -> Iterable[set[str]]:
    yield {now[now["proposer"]]}


def _confirmer(_block: Block, _was: JSONObject, now: JSONObject) -> Iterable[set[str]]:
    yield {now[SIDES[now["proposer"]]]}


def _payee(block: Block, _was: JSONObject, deal: JSONObject) -> Iterable[set[str]]:
    """Yield the payee, unless its price came to the account in this block."""
    paid = [r for r in block.new("receipt") if r["id"] == deal.get("receipt")]
    if not paid or paid[0]["amount_minor"] != deal["price_minor"]:
        yield {deal["payee"]}


def _waivers(block: Block, _was: JSONObject, now: JSONObject) -> Iterable[set[str]]:
    for before, group in block.changed("interest"):
        if group["scope"] == now["id"] and _grows("waived_minor")(before, group):
            yield {group["holder"]}


def _sender(block: Block, was: JSONObject, payout: JSONObject) -> Iterable[set[str]]:
    """Yield the owner; and nobody may send what is under way."""
    yield from _role("owner")(block, was, payout)
    if len(payout["attempts"]) > 1 + len(was.get("attempts", [])):
        yield set()
    for outcome in was.get("outcomes", [])[-1:]:
        # Its bank may have said so in the same block.
        if outcome not in FAILED and payout["outcomes"][-2] not in FAILED:
            yield set()


NEXT: Final = ("next.commitment",)
WORDS: Final = (
    Word("payout", _is_sent, _sender),
    Word("payout", _is_told, _role("attester"), ("account",)),
    Word("account", _is_mandated, _role("owner"), ("id", "mandate.document")),
    Word("account", _is_closed, _role("attester")),
    Word("entry", _is_new, _role("attester"), ("account",)),
    Word("receivable", _turns("early"), _member("debtor")),
    Word("receivable", _differs("proposer"), _proposer, ("id", "programme")),
    Word("receivable", goes_live, _confirmer),
    Word("receivable", _grows("interest_waived_minor"), _waivers),
    Word("payto", _is_new, _member("debtor"), ("receivable",)),
    Word("answer", _differs("agrees"), _member("id"), ("scope",)),
    Word("payout_account", _differs("next.commitment"), _member("member"), NEXT),
    Word("payout_account", _is_put, _member("attester"), ("commitment",)),
    Word("payout_account", _turns("next.verified"), _member("next.attester"), NEXT),
    Word("deal", _is_moved, _payee),
)


# -- what more than a word allows ------------------------------------------------------


def _check_mandates(block: Block) -> None:
    """No more is instructed than a mandate of the account's owner allows, nor later."""
    for was, account in block.changed("account"):
        mandate, before = account.get("mandate"), was.get("mandate", {})
        if mandate and mandate["used_minor"] > before.get("used_minor", 0):
            over = mandate["used_minor"] > mandate["limit_minor"]
            if over or mandate["until"] < date_at(block.time, FARTHEST_MINUTES):
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
    for was, tile in block.left("tile"):
        if tile["state"] == "reduced" and was.get("state") != "reduced":
            signed = block.signers(tile["scope"])
            ordered = (act.body.get("order") for act in block.naming(tile["scope"]))
            placed = {it["placer"] for it in ordered if isinstance(it, dict)}
            if tile["holder"] not in signed and not placed & signed:
                item = f"{tile['scope']}/{tile['lo']}"
                raise wrong("I12", item, f"signed by {tile['holder']}", sorted(signed))


# -- orders ----------------------------------------------------------------------------


def _check_orders(block: Block) -> None:
    """An order is as its authority's channel signed it, and ends as that says."""
    for was, order in block.writes["order"]:
        if order is None:
            raise wrong("I12", was and was["id"], "an order for ever", "none")
        if was is None:
            _check_placed(block, order)
            continue
        if any(was[name] != order.get(name) for name in was if name not in MOVING):
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
