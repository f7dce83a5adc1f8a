"""A wallet and the log it has seen: what goes on from it, and what does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import session
from cli.client import Answer
from cli.main import allonge
from cli.wallet import connect
from cli.wallet.folder import WalletConfig, WalletFolder, open_folder
from cli.wallet.following import follow_log
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.log import Log
from tests.node.serving import Served, serve_world, tick, wait_for_checkpoint
from tests.world import World

CHAIN = "ab" * 32
KEY, OTHER = (SigningKey.from_seed(seed * 32) for seed in (b"k", b"o"))


class Shown:
    """What a node shows of a log; honest unless told otherwise.

    Attributes:
        log: its leaves.
        asked: paths, in order.
    """

    def __init__(self, leaves: str, key: SigningKey = KEY, chain: str = CHAIN) -> None:
        """Sign the head of a log with a letter for each leaf."""
        self.log = Log()
        for letter in leaves:
            self.log.append(letter.encode())
        text = encode_checkpoint(origin(chain), self.log.size, self.log.root())
        self.note = sign_note(text, origin(chain), key)
        self.asked: list[str] = []
        self.answer: Any = None

    def node(self) -> dict[str, Any]:
        """Return what a node says of its chain."""
        return {"chain": CHAIN, "log_key": LogKey(origin(CHAIN), KEY.public).to_vkey()}

    def close(self) -> None:
        """Nothing is open."""

    def request(self, _method: str, path: str) -> Answer:
        """Answer as a node does."""
        self.asked.append(path)
        if path == "/v1/checkpoints/latest":
            return Answer(200, self.note, -1)
        old, new = (int(part.rpartition("=")[2]) for part in path.split("&"))
        proof = [each.hex() for each in self.log.consistency_proof(old, new)]
        found = {"proof": proof} if self.answer is None else self.answer
        return Answer(200, json.dumps(found).encode(), -1)


@pytest.fixture
def folder(tmp_path: Path) -> WalletFolder:
    """Return the folder of a wallet that has seen a log of five leaves."""
    folder = open_folder("sme", tmp_path)
    folder.create()
    folder.key_path.touch()
    vkey = LogKey(origin(CHAIN), KEY.public).to_vkey()
    folder.save_config(WalletConfig(chain=CHAIN, log_key=vkey))
    follow(folder, Shown("abcde"))
    return folder


def follow(folder: WalletFolder, node: Any) -> WalletConfig:
    """Follow what a node shows, with what the wallet has stored."""
    return follow_log(folder, folder.load_config(), node)


def refusal(folder: WalletFolder, node: Any) -> LedgerError:
    """Return why a wallet does not follow; what it has stored stays."""
    before = folder.load_config()
    with pytest.raises(LedgerError) as caught:
        follow(folder, node)
    assert folder.load_config() == before
    return caught.value


@pytest.mark.parametrize("leaves", ["abcdef", "abcdefgh" * 40])
def test_a_log_that_goes_on_is_followed(folder: WalletFolder, leaves: str) -> None:
    """The newest head is kept with the note that vouches for it."""
    leaves = "abcde" + leaves[5:]
    node = Shown(leaves)
    stored = follow(folder, node)
    assert stored == folder.load_config()
    assert stored.head is not None
    assert (stored.head.size, stored.head.log_root) == (
        len(leaves),
        node.log.root().hex(),
    )
    assert stored.checkpoint.encode() == node.note
    assert follow(folder, node) == stored
    # Once the wallet knows a note there is nothing left to ask.
    assert len(node.asked) == 3


@pytest.mark.parametrize(
    ("node", "code", "kind"),
    [
        (Shown("abcd"), "log_shorter", "incomplete"),
        (Shown("abXde"), "head_conflict", "tampered"),
        (Shown("abXdef"), "head_conflict", "tampered"),
        (Shown("Xbcdefghijk"), "head_conflict", "tampered"),
        (Shown("abcdef", key=OTHER), "untrusted", "untrusted"),
        (Shown("abcdef", chain="cd" * 32), "untrusted", "untrusted"),
    ],
    ids=["shorter", "one_length", "one_more", "many_more", "other_key", "other_log"],
)
def test_another_log_is_refused(
    folder: WalletFolder, node: Shown, code: str, kind: str
) -> None:
    """What was rewritten, lost, or is not under the pinned key is not believed."""
    error = refusal(folder, node)
    assert (error.code, error.row.kind) == (code, kind)
    found = [path.name for path in folder.path.glob("conflict-*")]
    assert found == ([f"conflict-5-{node.log.size}.json"] if kind == "tampered" else [])


def test_what_contradicts_itself_is_kept(folder: WalletFolder) -> None:
    """Both signed notes, for whoever knows the log key."""
    known, node = folder.load_config(), Shown("abXdef")
    error = refusal(folder, node)
    kept = json.loads(Path(error.details["path"]).read_bytes())
    assert kept["known"] == known.checkpoint
    assert kept["shown"].encode() == node.note


@pytest.mark.parametrize(
    "answer", [[], {}, {"proof": 1}, {"proof": [1]}, {"proof": ["zz"]}], ids=str
)
def test_an_answer_that_is_no_proof_is_no_conflict(
    folder: WalletFolder, answer: Any
) -> None:
    """Nobody is accused on an answer of another form."""
    node = Shown("abcdef")
    node.answer = answer
    assert refusal(folder, node).code == "node_failed"
    assert list(folder.path.glob("conflict-*")) == []


def test_a_false_proof_is_a_conflict(folder: WalletFolder) -> None:
    """Whoever has signed two heads has to show that one continues the other."""
    node = Shown("abcdef")
    for proof in ([], ["00" * 32]):
        node.answer = {"proof": proof}
        assert refusal(folder, node).code == "head_conflict"


def test_without_a_log_key_nothing_is_followed(folder: WalletFolder) -> None:
    """A wallet that was never connected has nobody to believe."""
    node = Shown("abcdef")
    plain = replace(folder.load_config(), log_key="", head=None, checkpoint="")
    assert follow_log(folder, plain, node) == plain  # type: ignore[arg-type]
    assert node.asked == []


def test_members_may_begin_anew(folder: WalletFolder) -> None:
    """What was seen is forgotten on a person's word only."""
    config = folder.load_config()
    begun = replace(config, head=None, checkpoint="")
    assert folder.save_config(begun) == config
    assert folder.save_config(begun, anew=True) == begun
    assert follow(folder, Shown("XY")).head is not None


def test_a_command_stops_until_members_begin_anew(
    folder: WalletFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading, signing and connecting all refuse; a person may say otherwise."""
    shown = Shown("abXdef")
    monkeypatch.setattr(session, "NodeClient", lambda *_: shown)
    monkeypatch.setattr(connect, "NodeClient", lambda *_: shown)
    line = ["wallet", "connect", "http://x", "--wallet", folder.name]
    line += ["--home", str(folder.home), "--json"]

    def run(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(allonge, [*line, *words])
        return ended.exit_code, json.loads(ended.stdout).get("code", "")

    with pytest.raises(LedgerError) as caught:
        _ = session.Session(folder, node_url="http://x").client
    assert caught.value.code == "head_conflict"
    assert run() == (20, "head_conflict")
    assert folder.load_config().node_url == ""
    assert run("--forget-log") == (0, "")
    assert session.Session(folder).client is shown
    assert folder.load_config().checkpoint.encode() == shown.note


class Real:
    """A node in this process, asked as a wallet asks."""

    def __init__(self, served: Served) -> None:
        """Ask this one."""
        self._served = served

    def request(self, _method: str, path: str) -> Answer:
        """Return what it answers."""
        found = self._served.get(path)
        return Answer(found.status_code, found.content, -1)


def test_a_node_is_followed_as_its_chain_grows(tmp_path: Path) -> None:
    """Each head that a real node signs goes on from the one before."""
    folder = open_folder("sme", tmp_path / "home")
    folder.create()
    folder.key_path.touch()
    world = World(folder=tmp_path / "ledger")
    with serve_world(world, tmp_path) as served:
        vkey = served.get("/v1/node").json()["log_key"]
        folder.save_config(WalletConfig(chain=world.chain.chain_id, log_key=vkey))
        sizes = []
        for _ in range(3):
            wait_for_checkpoint(served)
            head = follow(folder, Real(served)).head
            assert head is not None
            sizes.append(head.size)
            assert served.post(tick(world, "alpha")).status_code == 200
    assert sizes == sorted(set(sizes))
