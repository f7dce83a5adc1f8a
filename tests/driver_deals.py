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
