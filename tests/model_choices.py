"""What the business rules leave open, and the naive model takes from the chain.

No answer of this table checks the chain: the model says the same so that a walk
can go on. The model's sources name each where it is made, ``Choice name`` and
what it is; here stands what the rules (DOMAIN.md, by section) say about it.
"""

CHAIN_DECIDES = {
    # orders and insolvency (§2)
    "account-again": "a delay; silent on a second change meanwhile",
    "amount-frozen": "an amount up to X; silent on units that are frozen, too",
    "amount-offers": "an amount up to X is frozen; not whether it may be offered",
    "freeze-before": "frozen units' payouts are held; silent on earlier ones",
    "freeze-cuts": "units are frozen; silent on whether a tile is cut for it",
    "freeze-interest": "frozen units' payouts are held; silent on sharing interest",
    "freeze-lines": "split over the lines (§7); silent on those of one group",
    "freeze-last": "expiry; silent on its last moment",
    "insolvent-receiver": "open offers lapse; silent on those to the member",
    "insolvent-receives": "silent on whether it may take a part",
    "insolvent-refund": "payouts go to the administrator; silent on what it paid",
    "insolvent-signs": "silent on new business, which suspension stops",
    "rank-keeps": "an order has a rank; silent on what another one already has",
    # passing on (§5)
    "call-always": "silent on who may not call on recourse",
    "call-notice": "a notice time; silent on how its days are counted",
    "carried-interest": "late interest follows the units; silent on what was paid",
    "claim-passing": "claims reduce payouts (§7); silent on passing on meanwhile",
    "deal-lock": "the part is locked; silent on the rest of its tile",
    "deal-misfit": "no move; silent on whether it may be paid again",
    "disputed-deal": "may not pass; silent on whether that ends the sale",
    "no-premium": "a sale is at a discount; silent on none at all",
    "price-part": "price returned; silent on a part of it",
    "redeem-covered": "silent on redeeming what waiting money will pay",
    "redeemed-part": "as for a sale; silent on units that a part of a price reopens",
    "repurchase-any": "by a transferor; silent on its terms of recourse",
    "returned-fees": "price returned in part; silent on whether fees go back first",
    "sale-due": "pay-by before the record date; silent on what is due already",
    "unpaid-seller": "a claim on the buyer; silent on how a seller comes by it",
    # money in (§6)
    "cover-insolvent": "money not assigned covers; silent on who could assign it then",
    "cover-ties": "equal dates pro rata when assigned; silent on covering",
    "cover-whole": "could cover it; silent on a debt it covers in part only",
    "closed-day": "a fact that does not fit blocks payouts; silent on a typed one",
    "refund-held": "returned unless an order holds it; silent on where it is then",
    "suspense-age": "aged; silent on since when if more was added",
    "suspense-orders": "an order holds it; silent on which kinds of order",
    "suspense-zone": "after N days; silent on whose midnight",
    # sweep, payout, reversal (§7)
    "cancel-free": "silent on which part of a payout is cancelled first",
    "closed-money": "the claim stays; silent on money for it that comes later",
    "recalled-refund": "later payouts on that receivable; a refund is on none",
    "reverse-idle": "split over the lines; silent on what no line has used",
    "reverse-interest": "what each retired; silent on interest",
    "small-all": "paid at settlement; silent on what else is small",
    "small-days": "after N days; silent on how they are counted",
    "small-joins": "grouped by date; silent on a small one beside one that is due",
    "small-which": "small amounts; silent on prices and refunds",
    "unowed-interest": "withdrawn; silent on which of several payments gives it",
    # when it goes wrong (§8)
    "default-step": "after grace; silent on one close that says both",
    "default-withdrawn": "overdue is withdrawn; silent on the default after it",
    "dispute-interest": "disputed amounts stay owed; silent on their interest",
    "dispute-over": "trigger no default; silent on when it comes afterwards",
    "dispute-room": "names an amount and a deadline; silent on their limits",
    "reduce-covered": "silent on reducing what waiting money will pay",
    "reduce-room": "silent on frozen units, and on claims beyond what is owed",
    "reduced-interest": "silent on late interest of what is reduced",
    "short-principal": "short by no more than the tolerance; silent on interest",
    "waive-room": "waived by the holders; silent on when and how much",
}
