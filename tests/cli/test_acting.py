"""A node that lies or falls silent, as the wallet meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.client import NodeClient
from cli.main import allonge
from cli.session import Session
from cli.signing.acting import Act, run_acts
from cli.wallet.folder import open_folder
from ledger.encoding import decode, decode_base64, encode, encode_base64
from ledger.errors import LedgerError
from tests.cli.wallets import Stage, open_stage
from tests.world import World

SUSPEND = ["member", "suspend", "TEST:BETA", "--reason", "unpaid"]


def prepare(world: World) -> None:
    """Let suppliers submit what the debtor owes them."""
    world.open_account()
    world.open_programme()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage whose operator is about to suspend a member."""
    folder = tmp_path_factory.mktemp("stage")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_stage(folder, patch, prepare) as stage,
    ):
        yield stage


def height(stage: Stage) -> int:
    """Return the height of the node's chain."""
    return stage.world.chain.header.height


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("act", "member.resume"),
        ("body", {"member": "00" * 32, "operator": "00" * 32, "reason": "x"}),
        ("chain", "00" * 32),
    ],
    ids=["act", "body", "chain"],
)
def test_a_payload_that_says_something_else_is_not_signed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, field: str, value: Any
) -> None:
    """What was asked for is compared with the bytes before they are shown."""
    honest = NodeClient.prepare

    def lie(self: NodeClient, *given: Any, **named: Any) -> Any:
        found = honest(self, *given, **named)
        payload = {**decode(decode_base64(found["payload"])), field: value}
        return {**found, "payload": encode_base64(encode(payload))}

    monkeypatch.setattr(NodeClient, "prepare", lie)
    before = height(stage)
    ended = stage.run("operator", *SUSPEND, "--json", typed="1")
    assert (ended.exit_code, ended.facts["code"]) == (20, "payload_changed")
    assert height(stage) == before


@pytest.mark.parametrize(
    "answer",
    [{}, {"payload": 7}, {"payload": "AAAA"}, {"payload": "="}, []],
    ids=["nothing", "number", "no payload", "no base64", "list"],
)
def test_a_confused_node_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """Any answer to a prepare ends in a code."""
    honest = NodeClient.request

    class Answer:
        def value(self) -> Any:
            return answer

    def request(
        self: NodeClient, method: str, path: str, *more: Any, **named: Any
    ) -> Any:
        if path.startswith("/v1/prepare/"):
            return Answer()
        return honest(self, method, path, *more, **named)

    monkeypatch.setattr(NodeClient, "request", request)
    code = stage.refusal("operator", *SUSPEND, typed="1")
    assert code in ("node_failed", "bad_json", "bad_payload", "bad_envelope")


def test_another_chain_is_not_spoken_to(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node of another chain, or of a chain with value, is refused: exit 22."""
    honest = NodeClient.node
    for change in ({"chain": "00" * 32}, {"test_chain": False}):
        monkeypatch.setattr(
            NodeClient, "node", lambda self, more=change: {**honest(self), **more}
        )
        ended = stage.run("operator", *SUSPEND, "--json", typed="1")
        assert (ended.exit_code, ended.facts["code"]) == (22, "chain_pinned")


def test_what_was_sent_into_silence_is_kept_and_sent_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 8 names the file; sending it settles what happened, once."""
    honest = NodeClient.submit

    def silent(self: NodeClient, envelope: bytes, item: str, wait_s: int) -> Any:
        honest(self, envelope, item, wait_s)
        raise LedgerError("outcome_unknown", transaction=item)

    with monkeypatch.context() as patch:
        patch.setattr(NodeClient, "submit", silent)
        ended = stage.run("operator", *SUSPEND, "--json", typed="1")
    assert ended.exit_code == 8
    words = ended.facts["fix"].removeprefix("run: allonge ").split()
    after = height(stage)
    found = stage.do("operator", *words)
    assert found["height"] == after == height(stage)
    assert Path(words[-1]).stat().st_mode & 0o777 == 0o600
    beta = stage.do("operator", "member", "show", "TEST:BETA")
    assert beta["status"] == "suspended"
    resume = ["member", "resume", "TEST:BETA", "--reason", "paid"]
    stage.do("operator", *resume, typed="1")


def test_what_would_be_refused_is_not_shown_to_be_signed(
    stage: Stage, tmp_path: Path
) -> None:
    """The rule runs before the screen; what others sign too is not its matter."""
    terms = ["--issued", "2026-01-02", "--due", "2026-03-09", "--amount", "CNY 7.00"]
    words = ["submit", "--invoice", "USED-1", *terms]
    first = stage.run("alpha", *words, "--json", typed="7.00")
    assert (first.exit_code, "YOU ARE ABOUT TO SIGN" in first.err) == (0, True)
    again = stage.run("alpha", *words, "--json")
    assert (again.exit_code, again.facts["code"]) == (7, "invoice_overused")
    assert "SIGN" not in again.err
    stage.do("alpha", *words, "--prepare", str(tmp_path / "later.altx"))
    words[2] = "USED-2"
    assert stage.refusal("gamma", *words) == "policy_not_met"
    other = stage.run("alpha", "confirm", first.facts["created"]["id"], "--json")
    assert (other.exit_code, "inbox" in other.facts["fix"]) == (6, True)
    two = str(tmp_path / "two.altx")
    stage.do("gamma", *words, "--prepare", two)
    shown = stage.run("gamma", "sign", two, typed="7.00").err
    assert "Needed: 2 of gamma" in shown
    assert "0 signed so far" in shown
    facts = stage.run("gamma", "send", two, "--json").facts
    assert (facts["code"], facts["found"]) == ("policy_not_met", "1")
    assert facts["expected"].startswith("2 of ")


def test_each_of_several_acts_is_judged_before_the_screen(stage: Stage) -> None:
    """Only acts that rest on the one before them wait for it."""
    session = Session(open_folder("operator", stage.home))
    session.passphrase_file, session.typed = stage.secret, "2"
    members = {actor.name: actor.id for actor in stage.world.actors.values()}
    own = {"operator": session.member, "reason": "unpaid"}
    resume = Act("member.resume", {**own, "member": members["beta"]})
    veto = Act("recovery.veto", {"member": session.member})
    before = height(stage)
    for in_order in (False, True):
        with pytest.raises(LedgerError, match="no recovery is under way"):
            run_acts(session, [resume, veto], in_order=in_order)
        assert height(stage) == before + in_order


def test_the_chain_of_a_wallet_is_pinned_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting compares the fingerprint, and never changes a pinned chain."""
    chain = stage.world.chain.chain_id
    folder = open_folder("fresh", stage.home)
    stage.plant("fresh", stage.world.actors["beta"].keys[0], "")
    folder.config_path.write_bytes(encode({"t": "allonge.wallet.v1"}))
    own = ["--home", str(stage.home), "--wallet", "fresh"]

    def connect(*words: str) -> str:
        line = ["wallet", "connect", "http://127.0.0.1:1", *words, *own, "--json"]
        result = CliRunner().invoke(allonge, line)
        return str(decode(result.stdout.strip().encode()).get("code", "done"))

    assert connect("--chain", "0" * 12) == "other_genesis"
    assert connect() == "no_terminal"
    assert folder.load_config().chain == ""
    typed = f"{chain[:4]}-{chain[4:8]}-{chain[8:12]}".upper()
    assert connect("--chain", typed) == "done"
    stored = folder.load_config()
    assert (stored.chain, stored.test_chain) == (chain, True)
    assert stored.log_key == stage.served.node.checkpoints.vkey
    honest = NodeClient.node
    monkeypatch.setattr(
        NodeClient, "node", lambda self: {**honest(self), "chain": "11" * 32}
    )
    assert connect("--chain", "1" * 12) == "other_genesis"
    assert folder.load_config().chain == chain
