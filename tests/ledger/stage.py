"""A chain on which every rule of acceptance is tried, and rows to try on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.encoding import encode
from ledger.errors import LedgerError
from ledger.kernel import MANIFEST_HASH
from ledger.keys import SigningKey
from ledger.transactions import TYPE_TRANSACTION, object_id, sign_payload
from tests.lots import read_lot_sources
from tests.world import Actor, World, make_actor

STRANGER = SigningKey.from_seed(b"stranger" * 4)
TWO_ABOVE = {
    "approvals": [
        {"action": "any", "bands": [{"persons": 1}]},
        {
            "action": "give",
            "bands": [{"persons": 1, "up_to_minor": 1000}, {"persons": 2}],
            "currency": "CNY",
        },
    ],
    "offset_minutes": 0,
}


@dataclass
class Stage:
    """A chain on which every row is tried; no row changes it.

    Attributes:
        world: the chain and its members.
        lots: name of the holder -> a lot that it holds in one piece.
        sealed: an envelope that stands in the log.
    """

    world: World
    lots: dict[str, str] = field(default_factory=dict)
    sealed: bytes = b""

    @property
    def time(self) -> int:
        """Time of the next block."""
        return self.world.chain.header.time + 1

    @property
    def lot_rule(self) -> str:
        """The manifest hash of the rule for lots."""
        return self.world.chain.rulebook.manifests["lot"]

    def key(self, name: str, n: int = 0) -> SigningKey:
        """Return a member's key."""
        return self.world.actors[name].keys[n]

    def member(self, name: str) -> str:
        """Return a member's id."""
        return self.world.member(name)

    def fields(self, **changes: Any) -> dict[str, Any]:
        """Return the payload of a valid tick by alpha, with fields replaced."""
        return {
            "act": "ledger.tick",
            "body": {"member": self.member("alpha")},
            "by": [self.member("alpha")],
            "chain": self.world.chain.chain_id,
            "nonce": "7" * 32,
            "not_after": self.time + 60_000,
            "rule": MANIFEST_HASH,
            "v": 1,
            **changes,
        }

    def tick(self, *keys: SigningKey, **changes: Any) -> bytes:
        """Return a signed tick with payload fields replaced."""
        return self.sign(encode(self.fields(**changes)), *keys)

    def sign(self, payload: bytes, *keys: SigningKey) -> bytes:
        """Return the envelope of payload bytes, signed by alpha by default."""
        return sign_payload(TYPE_TRANSACTION, payload, keys or (self.key("alpha"),))

    def lot_act(self, act: str, body: dict[str, Any], *names: str) -> bytes:
        """Return a signed act of the rule, by every key of these members."""
        return self.tick(
            *(key for name in names for key in self.world.actors[name].keys),
            act=act,
            body=body,
            by=sorted(self.member(name) for name in names),
            rule=self.lot_rule,
        )

    def code_of(self, raw: bytes) -> str:
        """Return the code a node names for these bytes."""
        try:
            _, receipt = self.world.chain.check(raw, self.time)
        except LedgerError as error:
            return error.code
        return str(receipt["code"])


def admit(world: World, actor: Actor) -> None:
    """Let the operator admit a member."""
    world.actors[actor.name] = actor
    body = {
        "member": actor.describe(world.chain.chain_id),
        "operator": world.member("operator"),
    }
    actor.id = object_id("member", world.act("member.admit", body), 0)


def make_stage() -> Stage:
    """Return a chain with members of all sorts, one of them suspended."""
    pair = make_actor("pair", "supplier", persons=2, policy=TWO_ABOVE)
    clerk = make_actor("clerk", "supplier", persons=2)
    clerk.duties = [["maker"], ["admin"]]
    founders = [
        make_actor("operator", "operator"),
        make_actor("lender", "lender"),
        *(make_actor(name, "supplier") for name in ("alpha", "beta", "gamma")),
        *(make_actor("solo", "supplier", policy=TWO_ABOVE), pair, clerk),
    ]
    stage = Stage(World(founders, sources=read_lot_sources()))
    world = stage.world
    admit(world, make_actor("many", "supplier", persons=16))
    for name in ("alpha", "gamma", "solo", "pair"):
        tx = world.act("lot.new", {"owner": world.member(name), "size": 100})
        stage.lots[name] = object_id("lot", tx, 0)
    suspension = {"operator": world.member("operator"), "reason": "test"}
    world.act("member.suspend", {**suspension, "member": world.member("gamma")})
    body = {"member": world.member("pair")}
    stage.sealed = world.build("ledger.tick", body, keys=[pair.keys[0]])
    world.seal(stage.sealed)
    return stage


class Row(NamedTuple):
    """One transaction and the code that names what is wrong with it."""

    name: str
    code: str
    make: Callable[[Stage], bytes]


def world_of(*more: Actor) -> World:
    """Return a world of an operator, a lender, a regulator and more."""
    founders = [
        make_actor("operator", "operator"),
        make_actor("lender", "lender", group="blue"),
        make_actor("regulator", "regulator"),
        *more,
    ]
    return World(founders, sources=read_lot_sources())
