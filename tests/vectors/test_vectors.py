"""The golden vectors: unchanged, accepted by the ledger and by a second verifier."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.certificate import verify_standing
from ledger import keys, log, mapproofs, names, statemap, transactions
from ledger.blocks import Block, Header, check_header
from ledger.chain import Chain
from ledger.checkpoint import LogKey, verify_checkpoint
from ledger.encoding import decode, encode
from ledger.errors import LedgerError
from ledger.genesis import parse_genesis
from ledger.keys import SigningKey
from ledger.loader import load_rulebook
from tests.vectors import generate, verifier

HOME = Path(__file__).parent


def load(name: str) -> Any:
    """Return the content of a vector file."""
    return json.loads((HOME / f"{name}.json").read_text("utf-8"))


CHAIN = load("chain")
KEYS = load("keys")
LOG = load("log")
MAP = load("map")
PUBLICS = {row["key_id"]: bytes.fromhex(row["public"]) for row in KEYS["keys"]}


def test_code_still_makes_the_vectors() -> None:
    """A format never changes by accident; run the generator only on purpose."""
    assert generate.find_differences() == []


def test_check_names_the_file_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check ends with 1 and says where to look."""
    for path in HOME.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(generate, "HOME", tmp_path)
    assert generate.main(["--check"]) == 0
    (tmp_path / "names.json").write_text("{}\n")
    (tmp_path / "more.json").write_text("{}\n")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out.split("\n")[1:3] == ["more.json", "names.json"]


# --- encoding


@pytest.mark.parametrize("row", load("encoding")["accepted"], ids=lambda r: r["name"])
def test_canonical_text_survives(row: dict[str, str]) -> None:
    """What is canonical decodes and encodes to itself."""
    raw = row["text"].encode()
    assert encode(decode(raw)) == raw
    assert verifier.canonical(verifier.load(raw)) == raw


@pytest.mark.parametrize("row", load("encoding")["refused"], ids=lambda r: r["name"])
def test_other_spellings_are_refused(row: dict[str, str]) -> None:
    """Both verifiers refuse the same bytes."""
    raw = bytes.fromhex(row["hex"])
    with pytest.raises(LedgerError) as caught:
        decode(raw)
    assert caught.value.code == "bad_json"
    assert not reads(raw)


def reads(raw: bytes) -> bool:
    """Return whether the second verifier reads these bytes."""
    try:
        verifier.load(raw)
    except ValueError:
        return False
    return True


# --- keys


@pytest.mark.parametrize("row", KEYS["keys"], ids=lambda r: r["key_id"][:8])
def test_key_proves_possession(row: dict[str, str]) -> None:
    """Seed, public key, id and proof of possession belong together."""
    key = SigningKey.from_seed(bytes.fromhex(row["seed"]))
    public = bytes.fromhex(row["public"])
    assert (key.public, key.key_id) == (public, row["key_id"])
    assert verifier.key_id(public) == row["key_id"]
    keys.admit_public_key(public)
    proof = row["possession"]
    transactions.check_possession(public, key.key_id, KEYS["chain"], proof)
    message = verifier.pae(KEYS["type"], row["possession_payload"].encode())
    verifier.verify(public, message, bytes.fromhex(proof))
    expected = {"chain": KEYS["chain"], "key": row["key_id"], "v": 1}
    assert verifier.load(row["possession_payload"].encode()) == expected


@pytest.mark.parametrize("row", KEYS["verifier"], ids=lambda r: r["name"])
def test_verifier_judges_as_the_format_fixes(row: dict[str, Any]) -> None:
    """Strange keys and signatures get the written answers."""
    public, message, signature = (
        bytes.fromhex(row[name]) for name in ("public", "message", "signature")
    )
    assert accepts(keys.admit_public_key, public) == row["admitted"]
    verified = accepts(keys.verify_signature, public, message, signature)
    assert verified == row["verified"]


def accepts(check: Any, *arguments: Any) -> bool:
    """Return whether a check raises nothing."""
    try:
        check(*arguments)
    except LedgerError:
        return False
    return True


# --- transactions


@pytest.mark.parametrize(
    "row", load("transactions")["transactions"], ids=lambda r: r["id"][:8]
)
def test_transaction_is_opened(row: dict[str, str]) -> None:
    """Envelope, payload, preimage and id belong together."""
    raw = row["envelope"].encode()
    transaction = transactions.parse_transaction(raw)
    assert transaction.id == row["id"]
    assert transaction.envelope.payload.decode() == row["payload"]
    item, payload = verifier.open_envelope(raw, verifier.TX, PUBLICS)
    assert (item, payload) == (row["id"], json.loads(row["payload"]))
    preimage = verifier.pae(verifier.TX, row["payload"].encode())
    assert preimage.decode() == row["preimage"]
    assert verifier.leaf(raw).hex() == row["leaf_hash"]


def test_ids_of_objects_and_jobs() -> None:
    """Ids are hashes of what they name, with nothing in between."""
    content = load("transactions")
    for row in content["objects"]:
        raw = row["kind"].encode() + b"\0" + bytes.fromhex(row["source"])
        assert verifier.digest(raw + row["n"].to_bytes(4, "big")).hex() == row["id"]
    for row in content["jobs"]:
        raw = b"job\0" + bytes.fromhex(row["target"]) + row["what"].encode()
        found = verifier.digest(raw + row["due_ms"].to_bytes(8, "big"))
        assert found.hex() == row["id"]


# --- rules


def test_rulebook_hash_covers_every_file() -> None:
    """Files, kit, manifests and rulebook hash into one another."""
    content = load("rules")
    files = {row["path"]: row["source"] for row in content["files"]}
    for row in content["files"]:
        assert verifier.digest(row["source"].encode()).hex() == row["sha256"]
    kit = [
        {"path": row["path"], "sha256": row["sha256"]}
        for row in content["files"]
        if row["path"].startswith("kit/")
    ]
    assert verifier.digest(verifier.canonical(kit)).hex() == content["kit"]
    manifests = {}
    for row in [*content["rules"], content["kernel"]]:
        raw = row["manifest"].encode()
        assert verifier.digest(b"rule/v1\0" + raw).hex() == row["hash"]
        manifests[verifier.load(raw)["name"]] = row["hash"]
    del manifests["kernel"]
    book = verifier.canonical({"kit": content["kit"], "rules": manifests})
    assert verifier.digest(book).hex() == content["rulebook"]
    loaded = load_rulebook(files)
    assert (loaded.hash, loaded.kit) == (content["rulebook"], content["kit"])


# --- the chain


def blocks() -> list[Block]:
    """Return the blocks of the chain vectors."""
    return [
        Block(
            height=row["height"],
            header=row["header"].encode(),
            transactions=tuple(raw.encode() for raw in row["leaves"]),
            receipts=tuple(raw.encode() for raw in row["receipts"]),
            events=tuple(raw.encode() for raw in row["events"]),
        )
        for row in CHAIN["blocks"]
    ]


def test_chain_is_replayed_from_its_bytes() -> None:
    """Genesis, rules and transactions alone lead to the same headers and state."""
    first, *rest = blocks()
    secret = bytes.fromhex(CHAIN["salt_secret"])
    genesis, *publications = first.transactions
    chain = Chain.found(genesis, publications, secret)
    assert (chain.chain_id, chain.header.encode()) == (CHAIN["chain"], first.header)
    previous = Header.decode(first.header)
    for block in rest:
        chain.replay(block)
        previous = check_header(block, previous)
    assert chain.state.map.root.hex() == CHAIN["state"]["root"]
    assert chain.header.hash.hex() == CHAIN["blocks"][-1]["hash"]


def test_second_verifier_follows_the_chain() -> None:
    """Headers, roots, receipts and signatures hold without the ledger's code."""
    leaves: list[bytes] = []
    previous, time = "0" * 64, 0
    for height, row in enumerate(CHAIN["blocks"]):
        raw = row["header"].encode()
        header = verifier.load(raw)
        assert (header["height"], header["prev"]) == (height, previous)
        assert (header["first"], header["count"]) == (len(leaves), len(row["leaves"]))
        assert header["time"] > time
        leaves += [verifier.leaf(entry.encode()) for entry in row["leaves"]]
        assert verifier.tree(leaves).hex() == header["log_root"]
        leaves.append(verifier.leaf(raw))
        receipts = [entry.encode() for entry in row["receipts"]]
        results = verifier.tree([verifier.leaf(entry) for entry in receipts])
        assert results.hex() == header["results_root"] == row["results_root"]
        check_receipts(row, [verifier.load(entry) for entry in receipts])
        previous, time = verifier.digest(raw).hex(), header["time"]
    assert previous == CHAIN["blocks"][-1]["hash"]


def check_receipts(row: dict[str, Any], receipts: list[Any]) -> None:
    """Check that receipts name their transactions and their events."""
    events = [verifier.load(raw.encode()) for raw in row["events"]]
    for n, entry in enumerate(row["leaves"]):
        kind = verifier.GENESIS if row["height"] == n == 0 else verifier.TX
        item, payload = verifier.open_envelope(entry.encode(), kind, PUBLICS)
        if row["height"]:
            assert (payload["chain"], receipts[n]["tx"]) == (CHAIN["chain"], item)
        elif n == 0:
            raw = verifier.canonical(payload)
            assert verifier.digest(raw).hex() == CHAIN["chain"]
    for receipt in receipts:
        if receipt["code"] == "ok":  # each step of these blocks has one event
            found = verifier.digest(verifier.canonical([events.pop(0)])).hex()
            assert found == receipt["events"]
    assert not events


def test_state_root_is_rebuilt_from_the_records() -> None:
    """Keys, salts and commitments of all records lead to the header's root."""
    secret = bytes.fromhex(CHAIN["salt_secret"])
    items = []
    for row in CHAIN["state"]["records"]:
        raw = row["record"].encode()
        record = verifier.load(raw)
        key = verifier.key_of(record)
        salt = verifier.salt_of(secret, key, row["height"])
        value = verifier.digest(salt + raw)
        pub = record["hi"] if record["kind"] == "tile" else 0
        found = (key.hex(), salt.hex(), value.hex(), pub)
        assert found == (row["key"], row["salt"], row["value"], row["pub"])
        items.append((key, pub, value))
    header = verifier.load(CHAIN["blocks"][-1]["header"].encode())
    assert verifier.map_root(sorted(items)).hex() == header["state_root"]
    genesis = CHAIN["blocks"][0]["leaves"][0].encode()
    committed = parse_genesis(genesis).genesis.salt
    assert verifier.digest(b"allonge-salt\0" + secret).hex() == committed


# --- the log


def proof_of(row: dict[str, Any]) -> list[bytes]:
    """Return the hashes of a proof."""
    return [bytes.fromhex(node) for node in row["proof"]]


def test_log_roots_and_proofs() -> None:
    """Both verifiers arrive at the roots; a changed proof leads nowhere."""
    leaves = [verifier.leaf(entry.encode()) for entry in LOG["entries"]]
    roots = [bytes.fromhex(root) for root in LOG["roots"]]
    assert [verifier.tree(leaves[:n]) for n in range(len(leaves) + 1)] == roots
    assert [node.hex() for node in leaves] == LOG["leaf_hashes"]
    for row in LOG["inclusion"]:
        index, size, proof = row["index"], row["size"], proof_of(row)
        log.verify_inclusion(leaves[index], index, size, proof, roots[size])
        assert verifier.inclusion(index, size, leaves[index], proof) == roots[size]
        with pytest.raises(LedgerError):
            log.verify_inclusion(
                leaves[index], index, size, [*proof, roots[0]], roots[size]
            )
    for row in LOG["consistency"]:
        old, new, proof = row["old"], row["new"], proof_of(row)
        log.verify_consistency(old, new, proof, roots[old], roots[new])
        found = verifier.consistency(old, new, roots[old], proof)
        assert found == (roots[old], roots[new])


def test_tiles_hold_leaf_hashes() -> None:
    """A tile is hashes one after the other."""
    assert LOG["tile"] == "".join(LOG["leaf_hashes"])


def test_checkpoints_name_the_log_after_a_header() -> None:
    """Each note verifies under the log's key and states a root of the chain."""
    content = load("checkpoints")
    key = LogKey.from_vkey(content["vkey"])
    leaves: list[bytes] = []
    rows = iter(content["checkpoints"])
    for block in CHAIN["blocks"]:
        entries = [*block["leaves"], block["header"]]
        leaves += [verifier.leaf(entry.encode()) for entry in entries]
        row = next(rows)
        note = row["note"].encode()
        head = verify_checkpoint(note, content["origin"], [key])
        assert (head.size, head.root) == (len(leaves), verifier.tree(leaves))
        text, _, line = row["note"].rpartition("\n\u2014 ")
        raw = verifier.from_base64(line.split()[1])
        hashed = content["name"].encode() + b"\n\x01" + key.public
        assert raw[:4] == verifier.digest(hashed)[:4]
        assert text == row["text"]
        verifier.verify(key.public, text.encode(), raw[4:])
    assert content["origin"] == "allonge/" + CHAIN["chain"][:32]


# --- the state map


def test_map_roots_depend_on_content_alone() -> None:
    """Both implementations find the roots, in any order of insertion."""
    items = []
    for row in MAP["items"]:
        item = verifier.digest(row["id"].encode())[:16]
        if row["kind"] == "tile":
            item = int(row["id"]).to_bytes(8, "big") + bytes(8)
        key = verifier.map_key(row["kind"], row["scope"], item)
        assert key.hex() == row["key"]
        items.append((key, row["pub"], bytes.fromhex(row["value"])))
    for n, root in enumerate(MAP["roots"]):
        assert verifier.map_root(sorted(items[:n])).hex() == root
        assert statemap.StateMap.build(reversed(items[:n])).root.hex() == root


def records() -> dict[str, dict[str, Any]]:
    """Return key -> record row of the chain vectors."""
    return {row["key"]: row for row in CHAIN["state"]["records"]}


def leaf_at(key: str) -> mapproofs.Leaf:
    """Return what the chain vectors have at a key."""
    row = records()[key]
    return mapproofs.Leaf(bytes.fromhex(key), row["pub"], bytes.fromhex(row["value"]))


def test_proofs_of_existence() -> None:
    """A record with its salt is proven without any other record."""
    root = bytes.fromhex(MAP["state"]["root"])
    for row in MAP["state"]["existence"]:
        leaf = leaf_at(row["key"])
        proof = mapproofs.Proof.from_json(row["items"])
        mapproofs.verify_existence(root, leaf, proof)
        found, opened = verifier.map_proof(row["items"])
        assert (found, opened) == (root, [(leaf.key, leaf.pub, leaf.value)])
        with pytest.raises(LedgerError):
            mapproofs.verify_existence(root, replace(leaf, pub=leaf.pub + 1), proof)
        with pytest.raises(LedgerError):
            mapproofs.verify_absence(root, leaf.key, proof)
        with pytest.raises(ValueError, match="harm"):
            verifier.map_proof(row["items"], verifier.absent(leaf.key))


def test_proofs_of_absence() -> None:
    """A key is proven absent by what stands beside its place."""
    root = bytes.fromhex(MAP["state"]["root"])
    for row in MAP["state"]["absence"]:
        key = bytes.fromhex(row["key"])
        proof = mapproofs.Proof.from_json(row["items"])
        mapproofs.verify_absence(root, key, proof)
        assert verifier.map_proof(row["items"], verifier.absent(key))[0] == root
        assert row["key"] not in records()


def test_proofs_of_no_overlap() -> None:
    """Each tile is proven to be the only one that reaches into its interval."""
    root = bytes.fromhex(MAP["state"]["root"])
    scope = bytes.fromhex(MAP["state"]["scope"])
    for row in MAP["state"]["no_overlap"]:
        lo, hi = row["lo"], row["hi"]
        key = scope + lo.to_bytes(8, "big") + bytes(8)
        proof = mapproofs.Proof.from_json(row["items"])
        mapproofs.verify_tile(root, leaf_at(key.hex()), proof)
        claim = verifier.free(scope, lo, hi, key)
        assert verifier.map_proof(row["items"], claim)[0] == root
        other = mapproofs.Interval(scope, lo + 1, hi)
        with pytest.raises(LedgerError):
            mapproofs.verify_no_overlap(root, other, proof)
        with pytest.raises(ValueError, match="harm"):
            verifier.map_proof(
                row["items"], verifier.free(scope, lo + 1, hi, bytes(32))
            )


def test_proof_files() -> None:
    """Both verifiers accept the files, and nothing that differs in one place."""
    content = load("proofs")
    for text in content["files"]:
        data = json.loads(text)
        header = verify_standing(data)
        assert header.encode().decode() == CHAIN["blocks"][-1]["header"]
        shown = verifier.proof_file(text.encode(), content["vkey"])
        assert shown == (data["record"], data["parent"])
        for name in ("holder", "lo"):
            other = {**data, "record": {**data["record"], name: 7}}
            with pytest.raises(LedgerError):
                verify_standing(other)
            with pytest.raises(ValueError, match=r"root|harm"):
                verifier.proof_file(verifier.canonical(other), content["vkey"])
        other = {**data, "header": {**data["header"], "time": 7}}
        with pytest.raises(ValueError, match="header in the log"):
            verifier.proof_file(verifier.canonical(other), content["vkey"])


# --- people's ids


def test_ids_of_people() -> None:
    """Short ids come from the hash and lead back to its first 60 bits."""
    content = load("names")
    for row in content["ids"]:
        letter = content["letters"][row["kind"]]
        assert verifier.short_id(letter, row["hash"]) == row["id"]
        assert names.parse_id(row["id"].lower()) == (row["kind"], row["id"][1:-1])
        assert names.resolve_id(row["id"], [row["hash"]]) == row["hash"]
    for row in content["holdings"]:
        name = names.holding_name(row["receivable"], row["lo"], row["currency"])
        assert name == row["name"]
        typed, lo = names.parse_holding_name(row["name"], row["currency"])
        assert (names.resolve_id(typed, [row["receivable"]]), lo) == (
            row["receivable"],
            row["lo"],
        )


# --- the text


def test_examples_of_the_text_stand_in_the_vectors() -> None:
    """Every hash the README shows, whole or shortened, is one of the vectors."""
    text = (HOME.parent.parent / "ledger" / "README.md").read_text("utf-8")
    vectors = "".join(path.read_text("utf-8") for path in HOME.glob("*.json"))
    shown = set(re.findall(r"\b[0-9a-f]{8,64}\b", "".join(text.split("```")[1::2])))
    assert len(shown) >= 20
    assert [digits for digits in sorted(shown) if digits not in vectors] == []
