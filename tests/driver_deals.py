"""Takes the steps of deals in both worlds: sales, recourse, redemption, orders."""

from __future__ import annotations

from typing import Any

from ledger.transactions import object_id
from tests.driver import Driver
from tests.world import DAY_MS, digest_of


class DealDriver(Driver):
    """Acts in both worlds, with deals too.

    The model lets a deal be paid either way; here its way is named when it is
    made, and kept.
    """

    def __init__(self, **options: Any) -> None:
        self.ways: dict[str, str] = {}
        self.orders: dict[str, str] = {}
        self.disputes: dict[str, str] = {}
        super().__init__(**options)

    def take(  # noqa: PLR0917 - as in the model
        self,
        did: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        buyer: str,
        price: int,
        pay_by_ms: int,
        *,
        recourse: bool = False,
        way: str = "account",
    ) -> str:
        """A lender is asked, quotes and is taken at its word."""
        part = {"hi": hi, "lo": lo}
        item, buyer_id = self.item(rid), self.world.member(buyer)
        terms = self.flat_price(hi - lo, price, pay_by_ms)
        terms |= {"recourse": "with" if recourse else "without", "way": way}
        common = {"part": part, "receivable": item}

        def act() -> None:
            given = self.input(rid, tile_lo)
            until_ms = min(pay_by_ms, self.now + DAY_MS)
            ask = {"input": given, "lenders": [buyer_id], "until_ms": until_ms}
            asked = object_id("request", self.act("sale.request", **common, **ask), 0)
            seller = self.world.read("request", asked)["seller"]
            bid = {"price": terms, "request": asked, "seller": seller}
            quote = self.act("sale.quote", **common, **bid, until_ms=until_ms)
            said = {"buyer": buyer_id, "price": terms, "quote": quote}
            given = self.input(rid, tile_lo)
            self.keep(did, self.act("sale.take", **common, **said, input=given), way)

        args = did, rid, tile_lo, lo, hi, buyer, price, pay_by_ms
        return self.both("take", act, *args, recourse=recourse)

    def flat_price(self, units: int, price: int, pay_by_ms: int) -> dict[str, Any]:
        """Return a flat price for units, without fees."""
        return {
            "aware_overdue": False,
            "basis": "act360",
            "discount_minor": units - price,
            "fees": [],
            "from_date": self.world.today,
            "method": "flat",
            "net_minor": price,
            "pay_by_ms": pay_by_ms,
            "price_minor": price,
            "rate_ppm": 0,
        }

    def keep(self, did: str, item: str, way: str) -> None:
        """Remember a deal that was made on the chain."""
        self.deals[did], self.ways[did] = item, way

    def deal_item(self, did: str) -> str:
        """Return the id of a deal, or one that nothing has."""
        return self.deals.get(did) or digest_of(f"no deal {did}")

    def pay_deal(self, ref: str, did: str, amount: int) -> str:
        """The bank attests money for a deal; a deal paid directly gets none."""
        buyer = self.model.agreed[did].buyer

        def act() -> None:
            names = self.deal_item(did)
            got = self.world.receive(ref, amount, payer=buyer, names=names)
            self.receipts[ref] = got

        return self.both("pay_deal", act, ref, did, amount)

    def received(self, did: str, shortfall: int = 0) -> str:
        """The payee signs that it was paid directly."""
        price = self.model.agreed[did].price
        body: dict[str, Any] = {
            "deal": self.deal_item(did),
            "received_minor": price - shortfall,
        }
        if shortfall:
            body["shortfall"] = {"amount_minor": shortfall, "reason": "charges"}
        act = lambda: self.act("deal.received", **body)  # noqa: E731
        return self.both("received", act, did, shortfall)

    # -- units that go back ---------------------------------------------------------

    def priced(
        self, rid: str, tile_lo: int, price: int, pay_by_ms: int, way: str
    ) -> dict[str, Any]:
        """Return what recourse, redemption and repurchase have in common."""
        return {
            "input": self.input(rid, tile_lo),
            "pay_by_ms": pay_by_ms,
            "price_minor": price,
            "receivable": self.item(rid),
            "way": way,
        }

    def agree_back(  # noqa: PLR0917 - as in the model
        self,
        did: str,
        rid: str,
        tile_lo: int,
        lo: int,
        hi: int,
        buyer: str,
        price: int,
        pay_by_ms: int,
        *,
        way: str,
    ) -> str:
        """The debtor, or else who passed the part on, agrees on a price for it."""
        body = self.priced(rid, tile_lo, price, pay_by_ms, way)
        body["part"] = {"hi": hi, "lo": lo}
        name = "redeem" if buyer == "debtor" else "repurchase"
        buyers = () if buyer == "debtor" else (buyer,)
        act = lambda: self.keep(did, self.act(f"holding.{name}", **body), way)  # noqa: E731
        what = did, rid, tile_lo, lo, hi, *buyers, price, pay_by_ms
        return self.both(name, act, *what)

    def recourse_call(
        self, did: str, rid: str, tile_lo: int, pay_by_ms: int, *, way: str
    ) -> str:
        """The holder of a part calls on who passed it on; both compute the price."""

        def act() -> None:
            given = self.input(rid, tile_lo)
            made = self.model.agreed.get(did)
            price = made.price if made else given["hi"] - tile_lo
            body = self.priced(rid, tile_lo, price, pay_by_ms, way)
            self.keep(did, self.act("recourse.call", **body), way)

        return self.both("recourse_call", act, did, rid, tile_lo, pay_by_ms)

    # -- when it goes wrong ---------------------------------------------------------

    def waive(self, rid: str) -> str:
        """All holders waive what is left."""
        rec = self.model.receivables[rid]
        body = {
            "interest_minor": self.model.interest_due(rec, self.model.today),
            "principal_minor": rec.outstanding,
            "receivable": self.item(rid),
        }
        act = lambda: self.act("receivable.waive", **body)  # noqa: E731
        return self.both("waive", act, rid)

    def give_up(self, rid: str) -> str:
        """All holders close it as uncollectable."""
        rec = self.model.receivables[rid]
        names = {tile.holder for tile in rec.live} or {rec.supplier}
        holders = sorted(self.world.member(name) for name in names)
        body = {"holders": holders, "receivable": self.item(rid)}
        act = lambda: self.act("receivable.close", **body)  # noqa: E731
        return self.both("close_uncollectable", act, rid)

    def paper(self) -> dict[str, Any]:
        """Return an authority's order and its channel."""
        return {
            "authority": "court",
            "document": digest_of("order"),
            "guardian": self.world.member("lender"),
            "placer": self.world.member("operator"),
            "reference": "7 K 12/26",
        }

    def freeze_member(self, oid: str, member: str, until_ms: int) -> str:
        """Freeze all that a member holds and is paid."""
        body = {
            "cover": "member",
            "member": self.world.member(member),
            "order": self.paper(),
            "pledged": False,
            "rank": 1,
            "until_ms": until_ms,
        }

        def act() -> None:
            source = self.act("freeze.order", **body)
            self.orders[oid] = object_id("order", source, 0)

        return self.both("freeze_member", act, oid, member, None, until_ms)

    def release(self, oid: str) -> str:
        """End an order before its time."""
        body = {"ending": self.paper(), "order": self.orders[oid]}
        act = lambda: self.act("order.release", **body)  # noqa: E731
        return self.both("release", act, oid)

    def dispute(self, name: str, rid: str, amount: int) -> str:
        """The debtor contests an amount for as long as the programme says."""
        until_ms = self.now + 30 * DAY_MS
        body = {
            "amount_minor": amount,
            "document": digest_of("complaint"),
            "receivable": self.item(rid),
        }

        def act() -> None:
            self.disputes[name] = object_id(
                "dispute", self.act("dispute.open", **body), 0
            )

        return self.both("dispute", act, name, rid, amount, until_ms)

    def end_dispute(self, name: str) -> str:
        """The debtor contests it no longer."""
        body = {"dispute": self.disputes[name]}
        act = lambda: self.act("dispute.withdraw", **body)  # noqa: E731
        return self.both("end_dispute", act, name)

    def reduce(self, rid: str, amount: int) -> str:
        """Debtor and supplier reduce what is owed."""
        body = {
            "amount_minor": amount,
            "document": digest_of("credit note"),
            "receivable": self.item(rid),
        }
        act = lambda: self.act("receivable.reduce", **body)  # noqa: E731
        return self.both("reduce", act, rid, amount)
