"""Key files: what opens them, what never does, and what a guess costs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.wallet.keyfile import (
    DEFAULT_COST,
    check_passphrase,
    load_key,
    save_key,
)
from cli.wallet.keyheader import (
    BOUNDS,
    KEY_FILE_BYTES_MAX,
    TEST_COST,
    Argon2idCost,
    KeyCost,
    ScryptCost,
    read_header,
)
from ledger.encoding import encode
from ledger.errors import LedgerError
from ledger.keys import SigningKey

PASSPHRASE = "correct horse battery"
KEY = SigningKey.from_seed(bytes(range(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new key file with a test key."""
    path = tmp_path / "key.json"
    save_key(path, KEY, PASSPHRASE, "Désirée 工商", cost=TEST_COST, test=True)
    return path


def refusal(path: Path, passphrase: str = PASSPHRASE) -> LedgerError:
    """Return the error that loading a key file ends with."""
    with pytest.raises(LedgerError) as caught:
        load_key(path, passphrase, allow_test=True)
    return caught.value


def rewrite(path: Path, raw: bytes) -> None:
    """Replace the bytes of a file and nothing else about it."""
    # In place: some file systems wait for the disk where a file is emptied first.
    with path.open("r+b") as file:
        file.write(raw)
        file.truncate()


def plant(path: Path, **changes: object) -> None:
    """Change fields of the header, keeping the file canonical."""
    container = json.loads(path.read_bytes())
    container["header"].update(changes)
    rewrite(path, encode(container))


def test_a_saved_key_is_loaded_again(path: Path) -> None:
    """The loaded key is the saved one, and the header says whose it is."""
    key = load_key(path, PASSPHRASE, allow_test=True)
    header = read_header(path)
    assert (key.seed, key.public) == (KEY.seed, KEY.public)
    assert (header.public, header.key_id) == (KEY.public, KEY.key_id)
    assert (header.label, header.is_test) == ("Désirée 工商", True)


def test_the_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Mode 0600 stands also where the process would give less or more."""
    for umask in (0o000, 0o277):
        old = os.umask(umask)
        try:
            path = tmp_path / f"key{umask}.json"
            save_key(path, KEY, PASSPHRASE, "a", cost=TEST_COST, test=True)
        finally:
            os.umask(old)
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [tmp_path / "key0.json", path]


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    """A second save is refused and leaves no trace, over a dead link too."""
    before = path.read_bytes()
    link = path.with_name("link.json")
    link.symlink_to("nowhere")
    for taken in (path, link):
        with pytest.raises(LedgerError, match="exists") as caught:
            save_key(taken, KEY, PASSPHRASE, "b", cost=TEST_COST, test=True)
        assert caught.value.code == "file_exists"
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {"key.json", "link.json"}


@pytest.mark.parametrize("label", ["", "x" * 65, "a\nb", "a\u202eb"], ids=ascii)
def test_a_label_that_cannot_be_shown_is_refused(path: Path, label: str) -> None:
    """A label can neither be long nor repaint a terminal."""
    with pytest.raises(LedgerError) as caught:
        save_key(path.with_name("new"), KEY, PASSPHRASE, label)
    assert caught.value.code == "bad_label"


def test_two_files_of_one_key_share_nothing_secret(path: Path) -> None:
    """Salt and nonce are fresh, and the seed is not in the file."""
    other = path.with_name("other.json")
    save_key(other, KEY, PASSPHRASE, "b", cost=TEST_COST, test=True)
    first, second = read_header(path), read_header(other)
    assert first.salt != second.salt
    assert first.nonce != second.nonce
    assert KEY.seed.hex().encode() not in path.read_bytes()


def test_every_flipped_bit_is_refused(path: Path) -> None:
    """No single bit can be changed; all failures are named errors."""
    raw = path.read_bytes()
    for index in range(len(raw)):
        for bit in range(8):
            wrong = bytearray(raw)
            wrong[index] ^= 1 << bit
            rewrite(path, bytes(wrong))
            assert refusal(path).code in {
                "key_unreadable",
                "key_version",
                "key_cost_weak",
                "key_cost_high",
            }
    rewrite(path, raw)
    assert load_key(path, PASSPHRASE, allow_test=True).seed == KEY.seed


def test_every_truncation_and_any_tail_is_refused(path: Path) -> None:
    """A file cut anywhere, or with something behind it, does not open."""
    raw = path.read_bytes()
    for size in range(len(raw)):
        rewrite(path, raw[:size])
        assert refusal(path).code == "key_unreadable"
    for tail in (b"\n", b" ", b"\x00", raw):
        rewrite(path, raw + tail)
        assert refusal(path).code == "key_unreadable"


def test_a_wrong_passphrase_looks_like_damage(path: Path) -> None:
    """One code and one text, so that nothing is learnt from the difference."""
    wrong = refusal(path, "correct horse batterz")
    container = json.loads(path.read_bytes())
    sealed = container["sealed"]
    container["sealed"] = sealed[::-1] if sealed[-1] != "=" else "A" + sealed[1:]
    rewrite(path, encode(container))
    assert str(refusal(path)) == str(wrong)
    assert wrong.code == "key_unreadable"


def test_a_file_that_holds_another_key_is_refused(tmp_path: Path) -> None:
    """Someone who knows the passphrase cannot show one key and give another."""
    shown = SigningKey.from_seed(bytes(32))
    mixed = SimpleNamespace(seed=KEY.seed, public=shown.public, key_id=shown.key_id)
    path = tmp_path / "key.json"
    save_key(path, mixed, PASSPHRASE, "a", cost=TEST_COST, test=True)
    assert refusal(path).code == "key_unreadable"


@pytest.mark.parametrize(
    "spelling",
    ["de\u0301sire\u0301e Wechsel 9", "désirée Wechsel ９"],  # noqa: RUF001
    ids=["letters and accents apart", "full width digit"],
)
def test_the_spelling_of_a_passphrase_does_not_matter(
    tmp_path: Path, spelling: str
) -> None:
    """What looks the same on two systems opens the same file."""
    path = tmp_path / "key.json"
    save_key(path, KEY, "désirée Wechsel 9", "a", cost=TEST_COST, test=True)
    assert load_key(path, spelling, allow_test=True).seed == KEY.seed


@pytest.mark.parametrize(
    "passphrase",
    ["", "x" * 2000, "\udc80", "\x00"],
    ids=["empty", "long", "raw", "nul"],
)
def test_strange_passphrases_are_refused_by_name(path: Path, passphrase: str) -> None:
    """No passphrase gives anything but a named error."""
    assert refusal(path, passphrase).code in {"key_unreadable", "too_large"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o777])
def test_a_file_others_have_access_to_is_refused(path: Path, mode: int) -> None:
    """The fix can be run as it stands."""
    path.chmod(mode)
    error = refusal(path)
    assert error.code == "file_exposed"
    assert error.details["fix"] == f"run: chmod 600 {path}"


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    """Directory, named pipe, device, loop, nothing: no hang and no traceback."""
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe, 0o600)
    loop.symlink_to(loop)
    for path in (tmp_path, pipe, loop, Path("/dev/zero"), Path("a\x00b")):
        assert refusal(path).code == "file_unreadable"
    assert refusal(tmp_path / "none").code == "file_missing"


def test_a_file_over_the_size_limit_is_refused(path: Path) -> None:
    """The bound holds before anything is parsed."""
    rewrite(path, b"[" * KEY_FILE_BYTES_MAX)
    assert refusal(path).code == "key_unreadable"
    rewrite(path, b"[" * (KEY_FILE_BYTES_MAX + 1))
    assert refusal(path).code == "too_large"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"1", b'{"header":[],"sealed":""}', b'{"header":{"t":[]}}'],
)
def test_other_json_is_refused(path: Path, raw: bytes) -> None:
    """JSON of another shape is damage, not a crash."""
    rewrite(path, raw)
    assert refusal(path).code == "key_unreadable"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"t": "allonge.key.v2"}, "key_version"),
        ({"t": "other"}, "key_unreadable"),
        ({"cipher": "aes-256-gcm"}, "key_unreadable"),
        ({"more": 1}, "key_unreadable"),
        ({"label": ""}, "key_unreadable"),
        ({"label": "a\u202eb"}, "key_unreadable"),
        ({"label": 7}, "key_unreadable"),
        ({"label": "other"}, "key_unreadable"),
        ({"test": False}, "key_unreadable"),
        ({"public": "00" * 32}, "key_unreadable"),
        ({"key_id": "00" * 32}, "key_unreadable"),
        ({"salt": "AAAA"}, "key_unreadable"),
        ({"kdf": {"name": "none"}}, "key_unreadable"),
        ({"kdf": {"name": "argon2id"}}, "key_unreadable"),
        ({"kdf": {"name": "argon2id", "memory_kib": True}}, "key_unreadable"),
        ({"kdf": []}, "key_unreadable"),
    ],
    ids=str,
)
def test_a_planted_header_is_refused(
    path: Path, changes: dict[str, object], code: str
) -> None:
    """Unknown versions are named; other changes are damage."""
    plant(path, **changes)
    assert refusal(path).code == code


def test_a_key_id_of_another_key_is_refused_without_a_passphrase(path: Path) -> None:
    """What a wallet shows before it is opened fits together at least."""
    plant(path, key_id="00" * 32)
    with pytest.raises(LedgerError) as caught:
        read_header(path)
    assert caught.value.code == "key_unreadable"


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_each_bound_of_the_cost_holds_on_both_sides(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One below and one above are refused by name, before any work is done."""
    kdf, field = name.split(".")
    costs: dict[str, KeyCost] = {"argon2id": Argon2idCost(), "scrypt": ScryptCost()}
    bound = BOUNDS[name]
    monkeypatch.setattr("cli.wallet.keyfile._derive", lambda *_: pytest.fail("worked"))
    for value, code in (
        (bound.min - 1, "key_cost_weak"),
        (bound.max + 1, "key_cost_high"),
    ):
        cost = replace(costs[kdf], **{field: value})
        with pytest.raises(LedgerError) as caught:
            save_key(path.with_name("new"), KEY, PASSPHRASE, "a", cost=cost)
        assert (caught.value.code, caught.value.details["bound"]) == (code, name)
    for value, code in (
        (bound.test_min - 1, "key_cost_weak"),
        (bound.max + 1, "key_cost_high"),
    ):
        record = {f: getattr(costs[kdf], f) for f in costs[kdf].__slots__}
        plant(path, kdf=record | {"name": kdf, field: value})
        error = refusal(path)
        assert (error.code, error.details["bound"]) == (code, name)


def test_scrypt_needs_a_power_of_two(path: Path) -> None:
    """Another n never reaches the library."""
    plant(path, kdf={"name": "scrypt", "n": 2**17 + 1, "r": 8, "p": 1})
    assert refusal(path).code == "key_cost_weak"


def test_a_cheap_file_without_the_mark_is_refused(path: Path) -> None:
    """Removing the mark makes it weak; adding it to a real file breaks it."""
    container = json.loads(path.read_bytes())
    del container["header"]["test"]
    rewrite(path, encode(container))
    assert refusal(path).code == "key_cost_weak"


def test_a_test_key_is_refused_by_default(path: Path) -> None:
    """Only a caller who knows of a test chain gets it."""
    with pytest.raises(LedgerError) as caught:
        load_key(path, PASSPHRASE)
    assert caught.value.code == "test_key"


@pytest.mark.parametrize(
    "cost", [DEFAULT_COST, ScryptCost()], ids=["argon2id", "scrypt"]
)
def test_a_real_key_costs_a_guesser_dearly(
    tmp_path: Path, cost: KeyCost, record_property: Callable[[str, object], None]
) -> None:
    """A real key opens, and one core tries well under 50 passphrases a second."""
    path = tmp_path / "key.json"
    save_key(path, KEY, PASSPHRASE, "a", cost=cost)
    started = time.process_time()
    assert load_key(path, PASSPHRASE).seed == KEY.seed
    seconds = time.process_time() - started
    record_property("guesses_per_core_second", round(1 / seconds, 2))
    assert seconds > 1 / 50


@pytest.mark.parametrize(
    "passphrase",
    ["", "short", "eleven char", "aaaaaaaaaaaaaaaaaaaa"],
    ids=["empty", "short", "one too short", "one letter"],
)
def test_weak_passphrases_are_refused(passphrase: str) -> None:
    """What a guesser would try first is not accepted for a new key."""
    with pytest.raises(LedgerError) as caught:
        check_passphrase(passphrase)
    assert caught.value.code == "weak_passphrase"
    assert not passphrase or passphrase not in str(caught.value)


def test_no_message_holds_a_secret(path: Path) -> None:
    """Neither passphrase nor seed appears in an error, its cause or its repr."""
    error: BaseException | None = refusal(path, "wrong hunter2 phrase")
    while error is not None:
        shown = f"{error} {error!r} {error.args}"
        assert "hunter2" not in shown
        assert KEY.seed.hex() not in shown
        error = error.__cause__ or error.__context__
