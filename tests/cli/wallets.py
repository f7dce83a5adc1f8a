"""Wallets of a world's members, and commands run against its node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from cli.client import NodeClient
from cli.main import allonge
from cli.terminal import exit_code
from cli.wallet.folder import open_folder
from cli.wallet.keyfile import save_key
from cli.wallet.keyheader import TEST_COST
from ledger.encoding import encode
from tests.node.serving import Served, serve_world
from tests.world import World, default_actors, make_actor, ms_of

PASSPHRASE = "correct horse battery"
URL = "http://127.0.0.1:1"
TWO = {
    "approvals": [{"action": "any", "bands": [{"persons": 2}]}],
    "offset_minutes": 480,
}


class Ended(NamedTuple):
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class _Response:
    """An answer as http.client gives it."""

    def __init__(self, answer: Any) -> None:
        self.status = answer.status_code
        self.headers = answer.headers
        self._raw = answer.content

    def read(self, size: int) -> bytes:
        return bytes(self._raw[:size])


class _Connection:
    """A connection as http.client has it, into a node of this process."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._answer: Any = None

    def request(
        self, method: str, path: str, raw: bytes | None, headers: dict[str, str]
    ) -> None:
        self._answer = self._served.client.request(
            method, path, content=raw, headers=headers
        )

    def getresponse(self) -> _Response:
        return _Response(self._answer)

    def close(self) -> None:
        pass


class Stage:
    """A node, a wallet for each member, and a folder for their files."""

    def __init__(self, served: Served, home: Path) -> None:
        """Give every actor of the world a wallet pinned to its chain."""
        self.served = served
        self.world = served.world
        self.home = home
        self.secret = home / "passphrase"
        self.secret.write_text(PASSPHRASE)
        self.secret.chmod(0o600)
        for actor in self.world.actors.values():
            for n, key in enumerate(actor.keys):
                self.plant(actor.name if not n else f"{actor.name}{n}", key, actor.id)

    def plant(self, name: str, key: Any, member: str) -> None:
        """Make a wallet with a cheap test key."""
        folder = open_folder(name, self.home)
        folder.create()
        save_key(folder.key_path, key, PASSPHRASE, name, cost=TEST_COST, test=True)
        record = {
            "chain": self.world.chain.chain_id,
            "member": member,
            "node_url": URL,
            "t": "allonge.wallet.v1",
            "test_chain": True,
        }
        folder.config_path.write_bytes(encode(record))

    def run(self, wallet: str, *words: str, typed: str = "") -> Ended:
        """Run a command line with a member's wallet."""
        own = ["--home", str(self.home), "--wallet", wallet]
        own += ["--passphrase-file", str(self.secret)]
        if typed:
            own += ["--type-amount", typed]
        result = CliRunner().invoke(allonge, [*words, *own])
        return Ended(result.exit_code, result.stdout, result.stderr)

    def do(self, wallet: str, *words: str, typed: str = "") -> dict[str, Any]:
        """Run a command that must succeed; return its JSON."""
        ended = self.run(wallet, *words, "--json", typed=typed)
        assert ended.exit_code == 0, (words, ended.out, ended.err)
        return ended.facts

    def refusal(self, wallet: str, *words: str, typed: str = "") -> str:
        """Run a command that must fail by name; return the code."""
        ended = self.run(wallet, *words, "--json", typed=typed)
        facts = ended.facts
        assert ended.exit_code == exit_code(facts["code"], facts["kind"]) != 0
        return str(facts["code"])

    def advance(self, date: str) -> None:
        """Move the node's clock to the morning of a date, all work done."""
        self.served.advance(ms_of(date, 9))


@contextmanager
def open_stage(
    folder: Path,
    patch: pytest.MonkeyPatch,
    prepare: Callable[[World], object] = lambda _: None,
) -> Iterator[Stage]:
    """Serve a new world, prepared before it is served, to wallets of this process."""
    careful = make_actor("gamma", "supplier", persons=2, policy=TWO)
    others = [actor for actor in default_actors() if actor.name != "gamma"]
    world = World([*others, careful], folder=folder / "ledger")
    prepare(world)
    (folder / "home").mkdir()
    with serve_world(world, folder) as served:
        patch.setattr(NodeClient, "_connect", lambda _self: _Connection(served))
        yield Stage(served, folder / "home")
