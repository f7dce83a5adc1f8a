"""Calendars, keys, roles and grants as people type them, against a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.calendar import EXAMPLE, read_calendar
from cli.nodes import check_calendars
from cli.programme import PRESETS, read_terms
from contracts.kit.v1.terms import PRESETS as RULED
from ledger.encoding import encode
from ledger.errors import LedgerError
from tests.cli.wallets import Stage, open_stage
from tests.ledger.test_members import describe_key
from tests.world import World, digest_of


def _prepare(world: World) -> None:
    world.open_account()
    world.open_programme()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with an account and a programme."""
    folder = tmp_path_factory.mktemp("stage")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_stage(folder, patch, _prepare) as stage,
    ):
        yield stage


def sign_both(stage: Stage, file: Path, *words: str, typed: str = "1") -> None:
    """Let the operator prepare and sign an act, and the lender sign and send it."""
    stage.do("operator", *words, "--prepare", str(file))
    stage.do("operator", "sign", str(file), typed=typed)
    stage.do("lender", "sign", str(file), typed=typed)
    stage.do("lender", "send", str(file))


def key_file(stage: Stage, path: Path, seed: str) -> str:
    """Write a key file of a new person; return the file's name."""
    key = describe_key(stage.world, seed, "admin", "checker", "maker")
    path.write_bytes(encode({"key": key, "t": "allonge.newkey.v1"}))
    path.chmod(0o600)
    return str(path)


def test_calendar_is_published_by_two_and_shown(stage: Stage, tmp_path: Path) -> None:
    """The example is a file that can be published, and shows as published."""
    file = tmp_path / "cn.toml"
    file.write_text(EXAMPLE.replace('"default"', '"cn"'))
    words = ["calendar", "publish", str(file), "--guardian", "test:lender"]
    sign_both(stage, tmp_path / "c.altx", *words)
    (row,) = stage.do("alpha", "calendar", "show", "cn")["items"]
    assert (row["id"], row["through"]) == ("cn.1", "2026-12-31")
    assert len(row["holidays"]) == 33
    assert "2026-02-28" in stage.run("alpha", "calendar", "show", "cn").out
    assert stage.refusal("alpha", "calendar", "show", "none") == "not_found"
    assert "cn" in stage.run("alpha", "calendar", "show").out


def test_calendar_that_runs_out_is_an_alarm(stage: Stage, tmp_path: Path) -> None:
    """Whoever keeps calendars finds it in the inbox, and so does the doctor."""
    file = tmp_path / "old.toml"
    file.write_text(
        'calendar = "old"\nweekend = ["sunday"]\n'
        "[[years]]\nyear = 2025\nholidays = []\nworkdays = []\n"
    )
    words = ["calendar", "publish", str(file), "--guardian", "test:lender"]
    sign_both(stage, tmp_path / "c.altx", *words)
    for name, told in (("operator", True), ("lender", True), ("alpha", False)):
        rows = stage.do(name, "inbox")["items"]
        assert told == any(row.get("calendar") == "old" for row in rows)
    node = stage.served.client.get("/v1/node").json()
    states = {name: state for name, state, _ in check_calendars(node)}
    assert states["calendar old"] == "FAILED"
    assert states["calendar default"] == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "weekend = [",
        'weekend = ["funday"]\nyears = []',
        'weekend = ["sunday"]',
        'weekend = ["sunday"]\n[[years]]\nyear = 2026\nholidays = ["2026-02-30"]',
        'weekend = ["sunday"]\n[[years]]\nholidays = []',
    ],
    ids=["no_toml", "no_weekday", "no_years", "no_day", "no_year"],
)
def test_file_of_a_calendar_is_checked_before_anything(
    text: str, tmp_path: Path
) -> None:
    """What is wrong with a file is said without a node."""
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(LedgerError) as caught:
        read_calendar(file)
    assert caught.value.code == "bad_calendar_file"


def test_report_says_what_a_key_did_and_what_can_be_undone(
    stage: Stage, tmp_path: Path
) -> None:
    """A stolen key's acts are listed since a height, with the way back."""
    world = stage.world
    before = world.chain.header.height + 1
    words = ["--invoice", "K-1", "--issued", "2026-01-02", "--due", "2026-03-02"]
    words = ["submit", *words, "--amount", "CNY 10.00"]
    item = stage.do("alpha", *words, typed="10.00")["created"]["id"]
    added = key_file(stage, tmp_path / "thief.key", "thief")
    stage.do("alpha", "member", "key", "add", added, typed="1")
    auditor = ["member", "grant", "give", "test:auditor", "--until", "30d"]
    stage.do("alpha", *auditor, typed="1")
    key = world.actors["alpha"].keys[0].key_id
    report = ["member", "key", "report", key, "--since", str(before)]
    found = stage.do("alpha", *report)
    acts = {row["act"]: row["undo"] for row in found["items"]}
    assert list(acts) == ["receivable.submit", "key.add", "grant.give"]
    for undo in acts.values():
        stage.do("alpha", *undo.split()[1:], typed="1")
    assert stage.do("alpha", "show", item)["state"] == "cancelled"
    found = stage.do("alpha", *report)["items"]
    assert not any(row["undo"] for row in found)
    assert len(found) == 6
    assert "6 acts since block" in stage.run("alpha", *report).err
    late = ["member", "key", "report", key, "--since", str(before + 4)]
    assert len(stage.do("alpha", *late)["items"]) == 2
    assert stage.refusal("beta", *report) == "not_found"
    flag = ["member", "key", "compromised", key, "--since", str(before)]
    stage.do("alpha", *flag, typed="1")
    flagged = stage.do("alpha", "member", "key", "report", key)
    assert flagged["since"] == before


def test_report_undoes_what_only_takes_effect_later(
    stage: Stage, tmp_path: Path
) -> None:
    """A planned policy, account and recovery are undone while they wait."""
    world = stage.world
    before = world.chain.header.height + 1
    for n, holder in enumerate(("one", "two")):
        stage.do(
            "beta",
            *("member", "account", "register", "--currency", "CNY"),
            *("--attester", world.member("bank"), "--holder", holder),
            *("--number", "12345678", "-o", str(tmp_path / f"{n}.card")),
            typed="1",
        )
        card = str(tmp_path / f"{n}.card")
        stage.do("bank", "member", "account", "verify", card, typed="1")
    policy = tmp_path / "policy.toml"
    policy.write_text('[[approvals]]\naction = "any"\nbands = [{persons = 1}]\n')
    words = ["member", "policy", "set", str(policy), "--from", "9d"]
    stage.do("beta", *words, typed="1")
    own = world.actors["beta"].keys[0].key_id
    new = key_file(stage, tmp_path / "new.key", "beta new")
    words = ["member", "key", "recover", new, "--lost", own]
    stage.do("beta", *words, typed="1")
    kinds = {row["kind"] for row in stage.do("beta", "inbox")["items"]}
    assert {"payout_account", "recovery"} <= kinds
    report = ["member", "key", "report", own, "--since", str(before)]
    undo = {row["undo"] for row in stage.do("beta", *report)["items"]} - {""}
    assert undo == {
        "allonge member account veto --currency CNY",
        "allonge member policy set FILE --from SPAN",
        "allonge member key veto",
    }
    stage.do("beta", "member", "account", "veto", "--currency", "CNY", typed="1")
    stage.do("beta", "member", "key", "veto", typed="1")
    assert stage.refusal("beta", "member", "key", "veto", typed="1") == "no_recovery"
    undo = {row["undo"] for row in stage.do("beta", *report)["items"]} - {""}
    assert undo == {"allonge member policy set FILE --from SPAN"}


def test_platform_recovers_with_a_guardian(stage: Stage, tmp_path: Path) -> None:
    """The operator prepares it, the lender signs too, and the old key is told."""
    world = stage.world
    lost = world.actors["debtor"].keys[0].key_id
    new = key_file(stage, tmp_path / "new.key", "debtor new")
    check = tmp_path / "identity.pdf"
    check.write_bytes(b"identity check")
    words = ["member", "key", "recover", new, "--lost", lost]
    words += ["--member", "test:debtor", "--guardian", "test:lender"]
    words += ["--document", f"@{check}"]
    sign_both(stage, tmp_path / "r.altx", *words)
    waiting = stage.do("debtor", "inbox")["items"]
    assert any(row["kind"] == "recovery" for row in waiting)
    stage.do("debtor", "member", "key", "veto", typed="1")


def test_roles_and_grants_take_a_guardian(stage: Stage, tmp_path: Path) -> None:
    """What the operator cannot do alone is prepared for two."""
    words = ["member", "role", "grant", "test:beta", "debtor", "appraiser"]
    words += ["--guardian", "test:lender", "--reason", "licence"]
    sign_both(stage, tmp_path / "g.altx", *words, typed="2")
    beta = stage.world.member("beta")
    assert stage.do("alpha", "member", "show", beta)["roles"] == [
        *("appraiser", "debtor", "supplier"),
    ]
    words = ["member", "role", "remove", "test:beta", "appraiser"]
    words += ["--guardian", "test:lender", "--reason", "ended"]
    sign_both(stage, tmp_path / "h.altx", *words)
    words = ["member", "grant", "give", "test:auditor", "--until", "30d", "--all"]
    words += ["--guardian", "test:lender", "--document", digest_of("engagement")]
    sign_both(stage, tmp_path / "i.altx", *words)
    rows = stage.do("operator", "member", "grant", "list")["items"]
    (grant,) = [row for row in rows if row["covers"] == "all"]
    assert "auditor" in stage.run("lender", "member", "grant", "list").out
    rows = stage.do("debtor", "member", "grant", "list")["items"]
    assert grant["id"] not in [row["id"] for row in rows]
    words = ["member", "grant", "end", grant["id"], "--guardian", "test:lender"]
    sign_both(stage, tmp_path / "j.altx", *words)


def test_provisional_dates_are_shown(stage: Stage) -> None:
    """A due date that a calendar may still move says until when."""
    words = ["--invoice", "P-1", "--issued", "2026-01-02", "--due", "2026-06-15"]
    words = ["submit", *words, "--amount", "CNY 5.00"]
    item = stage.do("alpha", *words, typed="5.00")["created"]["id"]
    shown = stage.run("debtor", "confirm", item, typed="5.00")
    assert shown.exit_code == 0
    assert "provisional" in stage.run("alpha", "show", item).out


def test_preset_gives_terms_that_the_file_leaves_out(tmp_path: Path) -> None:
    """Terms of a preset stand until the file says otherwise, and its name is signed."""
    file = tmp_path / "terms.toml"
    needed = dict.fromkeys(("debtor", "disclosure", "undertaking_text"), "ab" * 32)
    lines = [f'{name} = "{value}"' for name, value in needed.items()]
    lines += ['name = "P"', 'currency = "CNY"', f'lenders = ["{"cd" * 32}"]']
    file.write_text("\n".join([*lines, "tenor_norm_days = 90"]))
    terms = read_terms(file, "cn_2025")
    assert [terms[n] for n in ("preset", "tenor_norm_days", "tenor_cap_days")] == [
        *("cn_2025", 90, 365),
    ]
    assert "preset" not in read_terms(file)
    file.write_text("\n".join([*lines, 'preset = "cn_2025"']))
    assert read_terms(file)["tenor_norm_days"] == 180


def test_presets_of_the_wallet_are_those_of_the_rule() -> None:
    """A name means the same where terms are written and where they are judged."""
    assert PRESETS == RULED
