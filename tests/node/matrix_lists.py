"""The routes of the node, and what each list is to hold for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.node.matrix import Seen, Thing, place_of
from tests.world import digest_of

Expected = Iterable[tuple[str, list[str] | None]]

PUBLIC = {
    *("/livez", "/readyz", "/v1/node", "/v1/headers", "/v1/checkpoints/latest"),
    *("/metrics", "/v1/errors", "/v1/errors/{code}", "/v1/log/checkpoint"),
    *("/v1/log/consistency", "/v1/log/inclusion", "/v1/log/tile/{level}/{place}"),
}
# One record by its id: route -> kind.
SINGLE = {
    "/v1/members/{member}": "member",
    "/v1/members/{member}/policy": "policy",
    "/v1/accounts/{item}": "account",
    "/v1/calendars/{item}": "calendar",
    "/v1/deals/{item}": "deal",
    "/v1/disputes/{item}": "dispute",
    "/v1/grants/{item}": "grant",
    "/v1/offers/{item}": "offer",
    "/v1/orders/{item}": "order",
    "/v1/payouts/{item}": "payout",
    "/v1/programmes/{item}": "programme",
    "/v1/quotes/{item}": "quote",
    "/v1/receivables/{item}": "receivable",
    "/v1/recoveries/{item}": "recovery",
    "/v1/requests/{item}": "request",
}
# Routes with a test of their own.
APART = {
    *("/v1/records/{kind}/{item}", "/v1/transactions/{transaction}"),
    *("/v1/blocks/{height}", "/v1/events", "/v1/export", "/v1/inbox"),
    *("/v1/transactions", "/v1/transactions:validate", "/v1/prepare/{act}"),
}


def paths_of(record: Thing) -> list[str]:
    """Return the paths under which a record is shown."""
    kind, scope, item = place_of(record)
    own = quote(item, safe="")
    scoped = f"?scope={quote(scope, safe='')}" if scope else ""
    paths = [f"/v1/records/{kind}/{quote(item)}{scoped}"]
    for route, shown in SINGLE.items():
        if shown == kind:
            paths.append(route.replace("{item}", own).replace("{member}", own))
    return paths


def make_absent(record: Thing) -> Thing:
    """Return the name of a record like this one that there is not."""
    if record["kind"] == "tile":
        return {**record, "scope": digest_of(record["scope"])}
    if "scope" in record:
        return {**record, "scope": digest_of(record["scope"])}
    return {**record, "id": digest_of(record["id"])}


class Listed(NamedTuple):
    """A route that lists.

    Attributes:
        expect: yields paths with what a reader is to find there, None for 404.
        key: says of an item what is compared.
        ordered: whether the order is compared too.
        paged: whether it has pages.
    """

    expect: Callable[[Seen, str], Expected]
    key: Callable[[Any], Any] = lambda item: item["id"]
    ordered: bool = False
    paged: bool = True

    def is_same(self, found: list[Any] | None, expected: list[Any] | None) -> bool:
        """Say whether a list holds what it is to hold."""
        if found is None or expected is None or self.ordered:
            return found == expected
        return sorted(found) == sorted(expected)


def shown(seen: Seen, reader: str, kind: str) -> Iterator[Thing]:
    """Yield the records of a kind that a reader may see."""
    return (r for r in seen.facts.all(kind) if reader in seen.of_record(r))


def ids(records: Iterable[Thing]) -> list[str]:
    """Return ids."""
    return [record["id"] for record in records]


def whole(route: str, kind: str) -> Listed:
    """Return a list of all records of a kind that a reader may see."""
    return Listed(lambda seen, reader: [(route, ids(shown(seen, reader, kind)))])


def of_sides(route: str, kind: str, *sides: str) -> Listed:
    """Return a list of records for those who are a side of them."""

    def expect(seen: Seen, reader: str) -> Expected:
        def has_side(record: Thing) -> bool:
            named = {seen.facts.names.get(record[side], "") for side in sides}
            return reader in seen.who(kind, record, named)

        return [(route, ids(filter(has_side, seen.facts.all(kind))))]

    return Listed(expect)


def under(
    route: str, parent: str, kind: str, tie: str, key: str = "id", state: str = ""
) -> Listed:
    """Return a list of records of a parent; a hidden parent has none."""

    def expect(seen: Seen, reader: str) -> Expected:
        for above in seen.facts.all(parent):
            path = route.replace("{" + parent + "}", above["id"])
            found = None
            if reader in seen.of_record(above):
                mine = (r for r in shown(seen, reader, kind) if r[tie] == above["id"])
                found = [r[key] for r in mine if state in ("", r.get("state"))]
            yield path, found

    return Listed(expect, lambda item: item[key])


def of_holdings(seen: Seen, reader: str) -> Expected:
    """A reader's own live units."""
    rows = (t for t in seen.facts.all("tile") if t["state"] == "live")
    own = (t for t in rows if seen.facts.names.get(t["holder"]) == reader)
    return [("/v1/holdings", [f"{t['scope']}/{t['lo']}" for t in own])]


def of_payouts(seen: Seen, reader: str) -> Expected:
    """Own ones; those of an account; those of a payee."""
    payouts = list(seen.facts.all("payout"))
    seen_by = [p for p in payouts if reader in seen.of_record(p)]
    own = []
    for payout in payouts:
        payee = seen.facts.names.get(payout["payee"], "")
        if payee and reader in seen.who("payout", payout, {payee}):
            own.append(payout)
    yield "/v1/payouts", ids(own)
    for account in seen.facts.all("account"):
        here = None
        if reader in seen.of_record(account):
            here = [p for p in seen_by if p["account"] == account["id"]]
        for state in ("", "paid", "due"):
            some = here and [
                p
                for p in here
                if state == p["state"] or not (state or p["state"] == "paid")
            ]
            path = f"/v1/payouts?account={account['id']}"
            yield (
                path + (f"&state={state}" if state else ""),
                (None if some is None else ids(some)),
            )
    for name in ("alpha", "beta", "stranger"):
        member = seen.served.world.member(name)
        mine = [p for p in seen_by if p["payee"] == member]
        yield f"/v1/payouts?payee={member}", ids(mine)


def of_receipts(seen: Seen, reader: str) -> Expected:
    """Money of an account that is in suspense, unassigned or waiting."""
    for account in seen.facts.all("account"):
        found = []
        for receipt in seen.facts.all("receipt"):
            waits = any(s["scope"] == receipt["id"] for s in seen.facts.all("share"))
            open_money = receipt["suspense_minor"] or receipt["unassigned_minor"]
            visible = reader in seen.of_record(receipt)
            # No list names money of an unknown payer to a debtor.
            guessed = not receipt["debtor"] and reader not in seen.who(
                "receipt", receipt, seen.facts.audience("account", account)
            )
            here = receipt["account"] == account["id"]
            if here and visible and (waits or open_money) and not guessed:
                found.append(receipt["id"])
        yield f"/v1/receipts?account={account['id']}", found


def of_keys(seen: Seen, reader: str) -> Expected:
    """The keys of each member."""
    for name in ("alpha", "agent", "stranger"):
        member = seen.served.world.member(name)
        keys = [k for k in shown(seen, reader, "key") if k["member"] == member]
        yield f"/v1/members/{member}/keys", ids(keys)


def of_payout_accounts(seen: Seen, reader: str) -> Expected:
    """Where each member is paid."""
    for name in ("alpha", "beta", "lender", "housebank", "stranger"):
        member = seen.served.world.member(name)
        rows = shown(seen, reader, "payout_account")
        mine = [row["scope"] for row in rows if row["scope"] == member]
        yield f"/v1/members/{member}/accounts", mine


def of_tiles(seen: Seen, reader: str) -> Expected:
    """The tiles of each receivable."""
    for receivable in seen.facts.all("receivable"):
        found = None
        if reader in seen.of_record(receivable):
            tiles = shown(seen, reader, "tile")
            mine = [t["lo"] for t in tiles if t["scope"] == receivable["id"]]
            found = [f"{lo:016d}" for lo in sorted(mine)]
        yield f"/v1/receivables/{receivable['id']}/tiles", found


def of_history(seen: Seen, reader: str) -> Expected:
    """The events that name each receivable, in order."""
    for receivable in seen.facts.all("receivable"):
        item = receivable["id"]
        events = [e for e in seen.events if e.content.get("receivable") == item]
        mine = [e for e in events if reader in seen.of_event(e)]
        found: list[str] | None = [str(e.content["event"]) for e in mine]
        if not mine and reader not in seen.of_record(receivable):
            found = None
        yield f"/v1/receivables/{item}/history", found


def of_lineage(seen: Seen, reader: str) -> Expected:
    """The transfers of each receivable."""
    for receivable in seen.facts.all("receivable"):
        item = receivable["id"]
        steps = [
            event.content["lo"]
            for event in seen.events
            if "receiver" in event.content
            and event.content["receivable"] == item
            and reader in seen.of_event(event)
        ]
        known = steps or reader in seen.of_record(receivable)
        yield f"/v1/receivables/{item}/lineage", steps if known else None


def of_key_acts(seen: Seen, reader: str) -> Expected:
    """What each key signed."""
    for name in ("alpha", "beta", "stranger"):
        for key in seen.facts.all("key"):
            if seen.facts.names[key["member"]] != name:
                continue
            found = None
            if reader in seen.of_record(key):
                found = [
                    made.id
                    for made in seen.facts.acts.values()
                    if key["id"] in [s.key_id for s in made.envelope.signatures]
                    and reader in seen.of_act(made.id)
                ]
            yield f"/v1/keys/{key['id']}/acts", found


LISTS = {
    "/v1/members": whole("/v1/members", "member"),
    "/v1/accounts": whole("/v1/accounts", "account"),
    "/v1/calendars": whole("/v1/calendars", "calendar"),
    "/v1/grants": whole("/v1/grants", "grant"),
    "/v1/orders": whole("/v1/orders", "order"),
    "/v1/paytos": whole("/v1/paytos", "payto"),
    "/v1/programmes": whole("/v1/programmes", "programme"),
    "/v1/recoveries": whole("/v1/recoveries", "recovery"),
    "/v1/receivables": whole("/v1/receivables", "receivable"),
    "/v1/offers": of_sides("/v1/offers", "offer", "giver", "receiver"),
    "/v1/requests": of_sides("/v1/requests", "request", "seller", "lender"),
    "/v1/quotes": of_sides("/v1/quotes", "quote", "seller", "lender"),
    "/v1/advices": of_sides("/v1/advices", "advice", "payer"),
    "/v1/deals": of_sides("/v1/deals", "deal", "payer", "payee"),
    "/v1/holdings": Listed(of_holdings, lambda t: f"{t['receivable']}/{t['lo']}"),
    "/v1/payouts": Listed(of_payouts),
    "/v1/receipts": Listed(of_receipts),
    "/v1/members/{member}/keys": Listed(of_keys, paged=False),
    "/v1/members/{member}/accounts": Listed(
        of_payout_accounts, lambda item: item["scope"], paged=False
    ),
    "/v1/receivables/{receivable}/tiles": Listed(
        of_tiles, lambda item: f"{item['lo']:016d}", ordered=True
    ),
    "/v1/receivables/{receivable}/history": Listed(
        of_history, lambda item: item["event"]["event"], ordered=True
    ),
    "/v1/receivables/{receivable}/lineage": Listed(
        of_lineage, lambda item: item["event"]["lo"], ordered=True, paged=False
    ),
    "/v1/receivables/{receivable}/disputes": under(
        "/v1/receivables/{receivable}/disputes", "receivable", "dispute", "receivable"
    ),
    "/v1/accounts/{account}/entries": under(
        "/v1/accounts/{account}/entries", "account", "entry", "account"
    ),
    "/v1/accounts/{account}/discrepancies": under(
        "/v1/accounts/{account}/discrepancies", "account", "discrepancy", "account"
    ),
    "/v1/keys/{key}/acts": Listed(of_key_acts, ordered=True),
}
