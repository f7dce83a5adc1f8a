"""Papers that prove themselves, and proofs that do not hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from hashlib import sha256
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.certificate import draw_paper, read_proof, verify_proof
from cli.client import Answer, NodeClient
from cli.main import allonge
from ledger.blocks import Header
from ledger.checkpoint import LogKey, encode_checkpoint, origin, sign_note
from ledger.encoding import decode_base64, encode, encode_base64
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.log import Log, hash_leaf
from ledger.mapproofs import Interval, Leaf
from ledger.names import short_id
from ledger.statemap import StateMap, commit_value, map_key
from tests.cli.wallets import URL, Stage, open_stage
from tests.world import World

# Of a proof, with a part passed on three times, among a million holdings.
PROOF_BYTES_MAX = 8_000
# Of a random key among as many; one of hundreds is deeper than two more than log2.
DEPTH = 22

made: dict[str, str] = {}


def prepare(world: World) -> None:
    """Make one claim, cut in two."""
    world.open_account()
    world.open_programme()
    made["claim"] = world.issue_live(10_000, "2026-03-02", number="A<1>")
    world.transfer(made["claim"], 0, 0, 4_000, "lender")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with a holding of alpha and one of the lender."""
    folder = tmp_path_factory.mktemp("stage")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_stage(folder, patch, prepare) as stage,
    ):
        yield stage


def verify(path: Path, *words: str) -> dict[str, Any]:
    """Return what verifying a file says; no wallet is needed."""
    ended = CliRunner().invoke(
        allonge, ["proof", "verify", str(path), *words, "--json"]
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


class _Tags(HTMLParser):
    """The tags of a page and what they would load."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href")]


def read_tags(text: str) -> _Tags:
    """Return the tags of a page."""
    tags = _Tags()
    tags.feed(text)
    return tags


def test_a_certificate_proves_what_it_says(stage: Stage, tmp_path: Path) -> None:
    """One file that loads nothing; its own data verify, with and without a node."""
    paper = tmp_path / "held.html"
    name = short_id("receivable", made["claim"])
    facts = stage.do("lender", "certificate", name, "-o", str(paper))
    assert (facts["amount"], facts["of_a_claim_of"]) == ("CNY 40.00", "CNY 100.00")
    text = paper.read_text("utf-8")
    tags = read_tags(text)
    assert tags.loads == []
    assert tags.seen.count("script") == 1
    assert stage.world.member("debtor") in text
    found = verify(paper, "--node", URL)
    assert found["holder"] == stage.world.member("lender")
    assert found["header"] == f"the same at {URL}; 0 blocks came after it"
    again = ["certificate", name, "-o", str(paper)]
    assert stage.refusal("lender", *again) == "file_exists"
    assert stage.refusal("beta", *again[:2], "-o", "x.html") == "not_found"


def test_a_proof_and_a_certificate_say_the_same(stage: Stage, tmp_path: Path) -> None:
    """The data in a paper is the proof."""
    name = short_id("receivable", made["claim"]) + "/40.00"
    proof = tmp_path / "held.json"
    stage.do("alpha", "proof", "holding", name, "-o", str(proof))
    paper = tmp_path / "held.html"
    stage.do("alpha", "certificate", name, "-o", str(paper))
    assert read_proof(paper) == read_proof(proof) == json.loads(proof.read_bytes())
    shown = verify_proof(read_proof(proof))
    assert "4000 to 10000" in shown["units"]
    assert shown["debtor"] == stage.world.member("debtor")
    assert shown["claim"] == "CNY 100.00, due 2026-03-02, live"
    assert proof.read_bytes() == encode(read_proof(paper))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CNY 60.00</td>", b"CNY 70.00</td>"),
        (
            b"Passed on by</th><td>nobody",
            b"Passed on by</th><td>A (" + b"ab" * 32 + b")",
        ),
        (b"CNY 100.00</td>", b"CNY 900.00</td>"),
        (b"2026-03-02</td>", b"2026-02-02</td>"),
        (b"State</th><td>live", b"State</th><td>settled"),
        (b"Debtor</th><td>", b"Debtor</th><td>A (" + b"ab" * 32 + b"); "),
        (b"<table>", b"<p>It is CNY 70.00.</p><table>"),
    ],
)
def test_a_certificate_with_other_words_does_not_hold(
    stage: Stage, tmp_path: Path, old: bytes, new: bytes
) -> None:
    """What a reader sees is compared with what the data show."""
    name = short_id("receivable", made["claim"]) + "/40.00"
    paper = tmp_path / "held.html"
    stage.do("alpha", "certificate", name, "-o", str(paper))
    assert verify(paper)["words"].startswith("as proven")
    raw = paper.read_bytes()
    assert old in raw
    paper.write_bytes(raw.replace(old, new, 1))
    assert verify(paper)["code"] == "bad_proof"


def more(data: dict[str, Any]) -> None:
    """Claim one unit more."""
    data["record"]["hi"] += 1


def other_holder(data: dict[str, Any]) -> None:
    """Claim what another holds."""
    data["record"]["holder"] = "ab" * 32


def other_claim(data: dict[str, Any]) -> None:
    """Claim units of another receivable."""
    data["parent"]["id"] = data["record"]["scope"] = "ab" * 32


def other_scope(data: dict[str, Any]) -> None:
    """Claim units of a receivable that is not the one shown."""
    data["record"]["scope"] = "ab" * 32


def other_currency(data: dict[str, Any]) -> None:
    """Claim the units of a dearer money."""
    data["parent"]["currency"] = "EUR"


def other_debtor(data: dict[str, Any]) -> None:
    """Name a better debtor."""
    data["parent"]["debtor"] = "ab" * 32


def other_root(data: dict[str, Any]) -> None:
    """Name another state."""
    data["header"]["state_root"] = "ab" * 32


def no_items(data: dict[str, Any]) -> None:
    """Leave out what excludes another tile."""
    data["items"] = []


def no_claim(data: dict[str, Any]) -> None:
    """Show the tile twice, and its claim not at all."""
    data["items"] = [0 if item == 1 else item for item in data["items"]]


def no_salt(data: dict[str, Any]) -> None:
    """Leave a part out."""
    data["salts"].pop()


def one_field_more(data: dict[str, Any]) -> None:
    """Say something beside it."""
    data["guaranteed_by"] = "ab" * 32


def of_before(data: dict[str, Any]) -> None:
    """Leave out the log, as forms of before did."""
    del data["log"]


@pytest.mark.parametrize(
    "change",
    [
        *(more, other_holder, other_claim, other_scope, other_currency),
        *(other_debtor, other_root, no_items, no_claim, no_salt),
        *(one_field_more, of_before),
    ],
)
def test_a_changed_proof_does_not_hold(
    stage: Stage, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Whatever is claimed beyond the proof is found."""
    name = short_id("receivable", made["claim"]) + "/40.00"
    stage.do("alpha", "proof", "holding", name, "-o", str(tmp_path / "p"))
    data = json.loads((tmp_path / "p").read_bytes())
    change(data)
    with pytest.raises(LedgerError) as raised:
        verify_proof(data)
    assert raised.value.code in ("bad_proof", "bad_paper")


def prove(stage: Stage, file: Path) -> dict[str, Any]:
    """Return the proof of what alpha holds, from a file."""
    name = short_id("receivable", made["claim"]) + "/40.00"
    stage.do("alpha", "proof", "holding", name, "-o", str(file))
    data: dict[str, Any] = json.loads(file.read_bytes())
    return data


def test_a_proof_of_another_block_or_chain_is_named(
    stage: Stage, tmp_path: Path
) -> None:
    """A node says whether the header is its own; a checkpoint, of which log it is."""
    file = tmp_path / "p"
    data = prove(stage, file)
    file.write_bytes(encode({**data, "chain": "ab" * 32}))
    assert verify(file)["code"] == "bad_checkpoint"
    file.write_bytes(encode({**data, "chain": data["chain"][:32] + "x"}))
    assert verify(file)["code"] == "bad_paper"
    file.write_bytes(encode({**data, "chain": data["chain"][:32] + "ab" * 16}))
    assert verify(file, "--node", URL)["code"] == "wrong_chain"
    header = {**data["header"], "time": data["header"]["time"] + 1}
    file.write_bytes(encode({**data, "header": header}))
    assert verify(file)["code"] == "bad_proof"
    file.write_bytes(encode(log_of_ones_own(data, header)))
    assert verify(file, "--node", URL)["code"] == "proof_of_other_block"
    file.write_text("{}")
    assert verify(file, "--node", URL)["code"] == "bad_paper"
    for text in ("<html>", "[" * 99_999, json.dumps(data)):
        file.write_text(text)
        assert verify(file, "--node", URL)["code"] == "bad_paper"
    for version in ("allonge.proof.v2", "allonge.proof.v3", 1):
        file.write_bytes(encode({**data, "t": version}))
        assert verify(file)["code"] == "bad_paper"


def beside(key: bytes, start: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield leaves so that the key is as deep as among a million from this bit on."""
    for bit in range(start, start + DEPTH):
        number = int.from_bytes(key, "big") ^ 1 << (255 - bit)
        other = number.to_bytes(32, "big")
        yield other, 10**9, sha256(other).digest()


def sign_deep_log(chain: str, header: Header, key: SigningKey) -> dict[str, Any]:
    """Return the proof of a header in a log of 2**DEPTH leaves, as it is signed."""
    path = [sha256(b"%d" % level).digest() for level in range(DEPTH)]
    node, name = hash_leaf(header.encode()), origin(chain)
    for level, other in enumerate(path):
        right = (header.size - 1) >> level & 1
        node = sha256(b"\1" + (other + node if right else node + other)).digest()
    note = sign_note(encode_checkpoint(name, 2**DEPTH, node), "node-1.example", key)
    inclusion = [encode_base64(item) for item in path]
    return {"checkpoint": note.decode(), "inclusion": inclusion}


def test_a_proof_among_a_million_holdings_is_small(
    stage: Stage, tmp_path: Path
) -> None:
    """A part passed on three times; the claims stand under one prefix of keys."""
    stage.do(
        "lender",
        *("proof", "holding", short_id("receivable", made["claim"])),
        *("-o", str(tmp_path / "p")),
    )
    data = json.loads((tmp_path / "p").read_bytes())
    data["record"]["chain"] *= 3
    shown = (data["record"], data["parent"])
    keys = [map_key("tile", made["claim"], "", 0)]
    keys += [map_key("receivable", "", made["claim"])]
    leaves = [
        Leaf(key, hi, commit_value(decode_base64(salt), encode(record)))
        for key, hi, salt, record in zip(
            keys, (4_000, 0), data["salts"], shown, strict=True
        )
    ]
    ways = (beside(keys[0], 0), beside(keys[1], 0), beside(keys[1], 128))
    items = [(leaf.key, leaf.pub, leaf.value) for leaf in leaves]
    state = StateMap.build({item[0]: item for item in chain(items, *ways)}.values())
    value_of = {leaf.key: leaf.value for leaf in leaves}.__getitem__
    proof = state.prove(value_of, keys, Interval.of_tile(leaves[0]))
    data["items"] = proof.to_json(leaves)
    data["header"]["state_root"] = state.root.hex()
    header = Header.decode(encode(data["header"]))
    key = SigningKey.generate()
    data["log"] = sign_deep_log(data["chain"], header, key)
    found = verify_proof(data, LogKey("node-1.example", key.public).to_vkey())
    assert found["log"].endswith("signed with the key you gave")
    assert len(proof.items) > 2 * 3 * DEPTH - DEPTH
    assert len(encode(data)) <= PROOF_BYTES_MAX


def test_a_certificate_is_verified_with_the_logs_key_alone(
    stage: Stage, tmp_path: Path
) -> None:
    """Nothing is asked of a node: its checkpoint is signed, and has the block."""
    paper = tmp_path / "held.html"
    name = short_id("receivable", made["claim"])
    stage.do("lender", "certificate", name, "-o", str(paper))
    key = NodeClient(URL).node()["log_key"]
    assert verify(paper)["log"].endswith("signature not verified")
    found = verify(paper, "--log-key", key)
    assert found["log"].endswith("signed with the key you gave")
    assert found["words"].startswith("as proven")
    assert f"signed as {key.partition('+')[0]}" in paper.read_text("utf-8")
    other = LogKey(key.partition("+")[0], SigningKey.generate().public).to_vkey()
    assert verify(paper, "--log-key", other)["code"] == "untrusted"
    assert verify(paper, "--log-key", "x")["code"] == "bad_vkey"


def test_whoever_makes_up_a_log_has_not_its_key(stage: Stage, tmp_path: Path) -> None:
    """A whole made-up history hangs together; only its signature is missing."""
    file = tmp_path / "p"
    data = prove(stage, file)
    header = {**data["header"], "time": data["header"]["time"] + 1}
    file.write_bytes(encode(log_of_ones_own(data, header)))
    key = NodeClient(URL).node()["log_key"]
    assert verify(file)["log"].endswith("signature not verified")
    assert verify(file, "--log-key", key)["code"] == "untrusted"


def log_of_ones_own(data: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """Return a proof under this header, in a log that is made up around it."""
    name = origin(data["chain"])
    log = Log()
    for place in range(header["first"] + header["count"]):
        log.append(b"%d" % place)
    log.append(encode(header))
    note = sign_note(
        encode_checkpoint(name, log.size, log.root()), name, SigningKey.generate()
    )
    path = [encode_base64(item) for item in log.inclusion_proof(log.size - 1, log.size)]
    made_up = {"checkpoint": note.decode(), "inclusion": path}
    return {**data, "header": header, "log": made_up}


def places_in(value: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each part of a value."""
    yield way
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places_in(value[name], *way, name)


def test_whatever_stands_in_a_proof_is_refused_by_a_code(
    stage: Stage, tmp_path: Path
) -> None:
    """No value of another form or size ends in a crash, or is believed."""
    data = prove(stage, tmp_path / "p")
    others: list[Any] = [None, True, -1, 2**70, 1.5, "", "é", [], {}, [[]], "ab" * 32]
    for number, way in enumerate(places_in(data)):
        for other in others[number % 3 :: 3] if way else ():
            changed = deepcopy(data)
            inside = changed
            for step in way[:-1]:
                inside = inside[step]
            if inside[way[-1]] == other:
                continue
            inside[way[-1]] = other
            with pytest.raises(LedgerError):
                verify_proof(changed)


def test_a_checkpoint_is_waited_for(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node signs after it answers; one that never does is busy."""
    text = encode_checkpoint(origin(stage.world.chain.chain_id), 1, bytes(32))
    honest, left = NodeClient.request, [2]
    old = Answer(200, sign_note(text, "old", SigningKey.generate()), -1)

    def request(self: NodeClient, method: str, path: str, **more: Any) -> Answer:
        if path == "/v1/checkpoints/latest" and left[0]:
            left[0] -= 1
            return old
        return honest(self, method, path, **more)

    monkeypatch.setattr(NodeClient, "request", request)
    monkeypatch.setattr("cli.certificate.WAIT_S", 0)
    prove(stage, tmp_path / "p")
    left[0] = 99
    words = ["certificate", short_id("receivable", made["claim"]), "-o"]
    assert stage.refusal("lender", *words, str(tmp_path / "b.html")) == "node_busy"


def test_a_receipt_holds_all_that_was_signed(stage: Stage, tmp_path: Path) -> None:
    """Every field of the act stands on the paper, escaped."""
    words = ["--invoice", "<b>&1", "--issued", "2026-01-02", "--due", "2026-03-09"]
    sent = stage.do("alpha", "submit", *words, "--amount", "CNY 7.00", typed="7.00")
    paper = tmp_path / "r.html"
    found = stage.do("alpha", "receipt", sent["id"], "--html", str(paper))
    assert found["status"] == "committed"
    text = paper.read_text("utf-8")
    assert "&lt;b&gt;&amp;1" in text
    assert "<b>&1" not in re.sub(r"<script.*", "", text, flags=re.DOTALL)
    assert read_tags(text).seen.count("b") == 0
    for field in ("invoices.0.used_minor", "terms.due_date", "supplier"):
        assert f"<th>{field}</th>" in text


def test_no_data_ends_the_paper() -> None:
    """Text that looks like markup stays text, in the table and in the data."""
    evil = "</script><script>alert(1)</script><img src=x>"
    text = draw_paper(evil, {evil: evil}, evil, {"t": evil})
    tags = read_tags(text)
    assert (tags.seen.count("script"), tags.seen.count("img"), tags.loads) == (1, 0, [])
