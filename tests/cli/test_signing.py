"""Signing files: one form for one signer and many, offline, never twice the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.main import allonge
from cli.signing.file import (
    SigningFile,
    decode_signing_file,
    keep_facts,
    keep_signers,
    read_signing_file,
)
from cli.terminal import run_command
from cli.wallet.folder import open_folder
from cli.wallet.keyfile import save_key
from cli.wallet.keyheader import TEST_COST
from ledger.encoding import decode, encode
from ledger.errors import LedgerError
from ledger.keys import SigningKey, verify_signature
from ledger.transactions import parse_transaction
from tests.cli.bodies import ALPHA, FACTS, LENDER, hash_of, payload_of

PASSPHRASE = "correct horse battery"
KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in range(18)]
Capture = pytest.CaptureFixture[str]


def make_file(**fields: Any) -> SigningFile:
    """Return an unsigned file of an offer."""
    facts = copy.deepcopy(FACTS)
    facts["records"] = keep_facts(facts["records"])
    return SigningFile(payload_of("receivable.offer", **fields), (), facts)


def refused(raw: bytes) -> str:
    """Return the code with which bytes are no signing file."""
    with pytest.raises(LedgerError) as caught:
        decode_signing_file(raw)
    return caught.value.code


def read_or_code(raw: bytes) -> SigningFile | str:
    """Return the file of some bytes, or the code of the refusal."""
    try:
        return decode_signing_file(raw)
    except LedgerError as error:
        return error.code


def test_a_file_says_the_same_after_a_journey(tmp_path: Path) -> None:
    """Payload, signatures and facts come back exactly; the id never changes."""
    file = make_file().sign(KEYS[0]).sign(KEYS[1])
    file.save(tmp_path / "a.altx")
    back = read_signing_file(tmp_path / "a.altx")
    assert back == file
    assert back.transaction == make_file().transaction
    transaction = parse_transaction(back.envelope())
    assert transaction.id == file.transaction
    keys = {key.key_id: key.public for key in KEYS}
    for item in transaction.envelope.signatures:
        public = keys[item.key_id]
        verify_signature(public, transaction.envelope.preimage, item.value)


@given(st.permutations(range(4)), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_copies_merge_to_the_same_file_in_any_order(order: list[int], cut: int) -> None:
    """Who signs first, and in which copy, changes nothing."""
    one, two = make_file(), make_file()
    for n in order[:cut]:
        one = one.sign(KEYS[n])
    for n in order[cut:]:
        two = two.sign(KEYS[n])
    whole = make_file()
    for n in range(4):
        whole = whole.sign(KEYS[n])
    assert one.merge(two) == two.merge(one) == whole
    assert whole.sign(KEYS[2]) == whole


def test_files_of_different_transactions_do_not_mix() -> None:
    """A signature belongs to the bytes it was made for."""
    other = make_file(nonce="cd" * 16).sign(KEYS[1])
    with pytest.raises(LedgerError) as caught:
        make_file().sign(KEYS[0]).merge(other)
    assert caught.value.code == "other_payload"


def test_there_is_a_bound_on_signatures() -> None:
    """What the ledger would refuse is refused here."""
    file = make_file()
    for key in KEYS[:16]:
        file = file.sign(key)
    with pytest.raises(LedgerError) as caught:
        file.sign(KEYS[16])
    assert caught.value.code == "limit_exceeded"


def _change(name: str, value: Any) -> bytes:
    record = decode(make_file().sign(KEYS[0]).encode())
    if value is None:
        del record[name]
    else:
        record[name] = value
    return encode(record)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        make_file().encode() + b"\n",
        _change("t", "allonge.signing.v2"),
        _change("more", "field"),
        _change("payload", "AAAA"),
        _change("payload", "=="),
        _change("payload", 7),
        _change("facts", {}),
        _change("facts", {"records": [{"id": 1, "kind": "member"}], "signers": []}),
        _change("facts", {"records": [], "signers": [{"member": "x"}]}),
        _change("signatures", None),
        _change("signatures", [{"keyid": "00" * 32, "sig": "AAAA"}]),
        _change("signatures", [{"keyid": "x"}]),
        _change("signatures", "none"),
    ],
    ids=[
        *("empty", "no fields", "list", "no text", "line end", "version", "more"),
        *("payload form", "base64", "number", "facts", "fact form", "signer form"),
        *("no signatures", "short signature", "no signature", "text"),
    ],
)
def test_what_is_no_signing_file_is_named(raw: bytes) -> None:
    """Damage of any kind has one code and no traceback."""
    assert refused(raw) == "bad_signing_file"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_flipped_byte_is_noticed_or_harmless(data: st.DataObject) -> None:
    """No flip yields a file with the same payload and another signature count."""
    raw = bytearray(make_file().sign(KEYS[0]).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    found = read_or_code(bytes(raw))
    if isinstance(found, SigningFile):
        assert len(found.signatures) == 1
    else:
        assert found == "bad_signing_file"


def test_only_what_a_screen_needs_goes_into_a_file() -> None:
    """Whatever else a node answers stays out of what is passed around."""
    rows = [
        {"id": ALPHA, "kind": "member", "name": "A", "keys": ["secret"], "x": 1},
        {"id": "1", "kind": "key", "public": "…"},
        {"id": 5, "kind": "member"},
        {"kind": "receivable", "id": "r", "currency": ["CNY"], "face_minor": True},
    ]
    assert keep_facts(rows) == [
        {"id": ALPHA, "kind": "member", "name": "A"},
        {"id": "r", "kind": "receivable"},
    ]
    asked = [{"action": "give", "member": "m"}, {"member": 1}, "x"]
    assert keep_signers(asked) == [{"member": "m", "persons": 1}]


# --- the commands ---


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with two wallets of members on a test chain."""
    monkeypatch.setenv("ALLONGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("pass").write_text(PASSPHRASE)
    Path("pass").chmod(0o600)
    for n, (name, member) in enumerate((("alpha", ALPHA), ("lender", LENDER))):
        folder = open_folder(name)
        folder.create()
        save_key(folder.key_path, KEYS[n], PASSPHRASE, name, cost=TEST_COST, test=True)
        config = {"chain": hash_of("chain"), "member": member, "test_chain": True}
        record = {"t": "allonge.wallet.v1", **config}
        folder.config_path.write_bytes(encode(record))
    return tmp_path


def sign(capsys: Capture, wallet: str, *words: str) -> tuple[int, str, str]:
    """Sign a file as a command line does; return exit code and both streams."""
    command = ["sign", *words, "--wallet", wallet, "--passphrase-file", "pass"]
    return run_command(allonge, command), *capsys.readouterr()


def test_two_sign_offline_in_one_file(home: Path, capsys: Capture) -> None:
    """No node is asked; the amount is typed by each; the file grows."""
    path = home / "t.altx"
    make_file(by=sorted([ALPHA, LENDER])).save(path)
    done = sign(capsys, "alpha", "t.altx", "--type-amount", "30000.00")
    assert done[0] == 0
    assert "TEST CHAIN" in done[2]
    code, out, _ = sign(
        capsys, "lender", "t.altx", "--type-amount", "30000.00", "--json"
    )
    assert code == 0
    assert len(json.loads(out)["keys"]) == 2
    ids = sorted(key.key_id for key in KEYS[:2])
    assert [item.key_id for item in read_signing_file(path).signatures] == ids


@pytest.mark.parametrize(
    ("fields", "typed", "code", "exit_code"),
    [
        ({}, "30000.01", "declined", 3),
        ({}, None, "no_terminal", 2),
        ({"chain": hash_of("other")}, "30000.00", "wrong_chain", 2),
        ({"rule": hash_of("other")}, "30000.00", "rule_mismatch", 23),
        ({"by": [LENDER]}, "30000.00", "wrong_signers", 4),
    ],
    ids=["another amount", "nobody to ask", "chain", "rule", "not ours"],
)
def test_what_is_not_to_be_signed_is_not_signed(
    home: Path,
    capsys: Capture,
    fields: dict[str, Any],
    typed: str | None,
    code: str,
    exit_code: int,
) -> None:
    """The file is as it was, and the exit code says why."""
    path = home / "t.altx"
    make_file(**fields).save(path)
    before = path.read_bytes()
    words = [] if typed is None else ["--type-amount", typed]
    found, out, _ = sign(capsys, "alpha", "t.altx", *words, "--json")
    assert (found, json.loads(out)["code"]) == (exit_code, code)
    assert path.read_bytes() == before
