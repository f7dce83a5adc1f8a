"""Takes the steps of deals in both worlds: sales, recourse, redemption."""

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
        aware: bool = False,
        way: str = "account",
    ) -> str:
        """A lender is asked, quotes and is taken at its word."""
        part = {"hi": hi, "lo": lo}
        item, buyer_id = self.item(rid), self.world.member(buyer)
        terms = self.flat_price(hi - lo, price, pay_by_ms, aware=aware)
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
        return self.both("take", act, *args, recourse=recourse, aware=aware)

    def flat_price(
        self, units: int, price: int, pay_by_ms: int, *, aware: bool
    ) -> dict[str, Any]:
        """Return a flat price for units, with the programme's fees."""
        rows = self.describe_fees().get("fees", [])
        fees = [
            {
                "amount_minor": amount,
                "name": row["name"],
                "payee": row["payee"],
                "payer": payer,
            }
            for row, (payer, _, amount) in zip(
                rows, self.model.fees(units), strict=True
            )
        ]
        extra = sum(fee["amount_minor"] for fee in fees if fee["payer"] == "buyer")
        return {
            "aware_overdue": aware,
            "basis": "act360",
            "discount_minor": units + extra - price,
            "fees": fees,
            "from_date": self.world.today,
            "method": "flat",
            "net_minor": price - sum(fee["amount_minor"] for fee in fees),
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
        deal = self.model.agreed[did]
        price = deal.price - sum(amount for _, amount in deal.fees)
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
