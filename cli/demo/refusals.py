"""What the demo tries and the node must refuse, each under its own code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from cli.client import ENVELOPE_TYPE
from cli.demo.stage import Stage, expect
from cli.people import name_id
from cli.session import WAIT_S
from cli.signing.file import SigningFile, read_signing_file
from ledger.encoding import JSONObject, decode, encode
from ledger.errors import LedgerError

VALIDATE: Final = "/v1/transactions:validate"


def refuse(stage: Stage) -> JSONObject:
    """Try what must fail, on the node itself."""
    spent = _spend_twice(stage)
    codes = {
        "double_spend": spent[0],
        "forged_signature": _forge(stage),
        "replay": _replay(stage, spent[1]),
        "other_chain": _replay_elsewhere(stage, spent[1]),
        "stale_offer": _accept_late(stage),
    }
    return {"refusals": codes}


def _tell_refusal(stage: Stage, what: str, error: LedgerError) -> str:
    stage.voice.tell(f"{what}: refused, {error.code} ({error.row.title})")
    return error.code


def _spend_twice(stage: Stage) -> tuple[str, Path]:
    facts = stage.facts
    facts["third"] = third = facts["face"] * 15 // 100
    start = stage.money(facts["first"]).partition(" ")[2]
    paths = []
    for receiver in ("tier-two", "tier-three"):
        path = stage.prepare(
            *("tier-one", "transfer", f"{facts['name']}/{start}"),
            *("--amount", stage.money(third)),
            *("--to", name_id("member", stage.member(receiver))),
        )
        stage.sign("tier-one", path)
        stage.sign(receiver, path)
        paths.append(path)
    stage.send("tier-one", paths[0])
    stage.voice.tell(
        f"Tier One signs the same {stage.money(third)} over to two members;",
        "the first transfer, to Tier Two, counts",
    )
    error = stage.refused(lambda: stage.send("tier-three", paths[1]), "stale_input")
    what = "double spend, the second one to Tier Three"
    return _tell_refusal(stage, what, error), paths[0]


def _forge(stage: Stage) -> str:
    """Let one member sign under the key id of another."""
    path = stage.prepare(
        *("tier-one", "offer", stage.facts["name"], "--at", _end_of_spent(stage)),
        *("--to", name_id("member", stage.member("tier-three"))),
    )
    file = read_signing_file(path)
    forged = file.sign(stage.session("tier-three").key()).signatures[0]
    owner = stage.session("tier-one").key().key_id
    forgery = replace(file, signatures=(forged._replace(key_id=owner),))
    forgery.save(path, replacing=True)
    error = stage.refused(lambda: stage.send("tier-three", path), "bad_signature")
    what = "forged signature, Tier Three in the name of Tier One"
    return _tell_refusal(stage, what, error)


def _end_of_spent(stage: Stage) -> str:
    end = stage.facts["first"] + stage.facts["third"]
    return stage.money(end).partition(" ")[2]


def _replay(stage: Stage, path: Path) -> str:
    """Send what is on the ledger once more: nothing moves, and it is named."""
    client = stage.session("tier-two").client
    tiles = list(client.items("/v1/holdings"))
    head = client.height
    again = stage.send("tier-two", path)
    expect(tiles, list(client.items("/v1/holdings")), what="holdings")
    expect(head, client.height, what="height")
    stage.voice.tell(
        f"replay, the same bytes again: answered from block {again['height']}, "
        "nothing moves"
    )
    raw = read_signing_file(path).envelope()
    error = stage.refused(
        lambda: client.request("POST", VALIDATE, raw, ENVELOPE_TYPE), "duplicate"
    )
    return _tell_refusal(stage, "replay, asked whether it would count", error)


def _replay_elsewhere(stage: Stage, path: Path) -> str:
    """Send what was rightly signed for another chain."""
    payload = {**decode(read_signing_file(path).payload), "chain": "00" * 32}
    file = SigningFile(encode(payload), (), {"records": [], "signers": []})
    for wallet in ("tier-one", "tier-two"):
        file = file.sign(stage.session(wallet).key())
    client = stage.session("tier-two").client
    error = stage.refused(
        lambda: client.submit(file.envelope(), file.transaction, WAIT_S), "wrong_chain"
    )
    return _tell_refusal(stage, "replay from another chain, signed for that", error)


def _accept_late(stage: Stage) -> str:
    """Send an acceptance after its offer's deadline, signed before it."""
    start = stage.money(stage.facts["first"]).partition(" ")[2]
    made = stage.act(
        *("tier-two", "offer", f"{stage.facts['name']}/{start}", "--until", "24h"),
        *("--to", name_id("member", stage.member("tier-three"))),
    )
    offer = name_id("offer", made["created"]["id"])
    path = stage.prepare("tier-three", "accept", offer, "--valid-days", "9")
    stage.sign("tier-three", path)
    file = read_signing_file(path)
    client = stage.session("tier-three").client
    client.request("POST", VALIDATE, file.envelope(), ENVELOPE_TYPE)
    stage.set_clock(stage.today + timedelta(days=2))
    error = stage.refused(
        lambda: client.submit(file.envelope(), file.transaction, WAIT_S), "offer_over"
    )
    what = f"offer {offer} accepted a day after its deadline"
    return _tell_refusal(stage, what, error)
