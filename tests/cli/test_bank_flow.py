"""Files of a bank against a real node: from statement to payout and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from cli.formats.pain import PAIN_001, uetr_of
from ledger.names import short_id
from tests.cli.bank_files import NUMBER, Lines, answer, camt
from tests.cli.test_camt import many
from tests.cli.test_walkthrough import DUE, TERMS, submit
from tests.cli.wallets import Stage, open_stage

NEXT = "2026-03-03"
STRANGER = "CH9300762011623852957"
PAYER = "GB82WEST12345698765432"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Return a stage with an account in clear, a programme, cards and a receivable."""
    with open_stage(tmp_path, monkeypatch) as stage:
        found_account(stage, tmp_path)
        submit(stage, "INV-7", "1000.00")
        stage.advance(DUE)
        yield stage


def found_account(stage: Stage, folder: Path, message: str = "camt_053") -> str:
    """Open an account whose number the bank's wallet keeps; return its id."""
    item: str = stage.do(
        "bank",
        *("bank", "open", "--currency", "CNY", "--holder", "Settle Bank"),
        *("--number", NUMBER, "--bic", "102100000021", "--closed", "2026-01-04"),
        *("--message", message, "--mandate", "1000000.00", "2035-12-31", "cd" * 32),
        typed="0.00",
    )["created"]["id"]
    names = {name: stage.world.member(name) for name in ("debtor", "lender")}
    terms = folder / "terms.toml"
    terms.write_text(TERMS.format(account=item, hash="ef" * 32, **names))
    file, copy = folder / "programme.altx", folder / "copy.altx"
    stage.do("debtor", "programme", "new", str(terms), "--prepare", str(file))
    copy.write_bytes(file.read_bytes())
    stage.do("debtor", "sign", str(file), typed="1")
    stage.do("lender", "sign", str(copy), typed="1")
    stage.do("debtor", "send", str(file), str(copy))
    for name, number in (("alpha", "DE89370400440532013000"), ("debtor", PAYER)):
        card = folder / f"{name}.card"
        stage.do(
            name,
            *("member", "account", "register", "--currency", "CNY", "--holder", name),
            *("--attester", stage.world.member("bank"), "--number", number),
            *("--bic", "COBADEFFXXX", "-o", str(card)),
            typed="1",
        )
        stage.do("bank", "member", "account", "verify", str(card), typed="1")
    return item


class Bank:
    """Imports statements, each a file of its own."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        self.count = 0

    def write(self, raw: bytes) -> str:
        """Write a file; return its path."""
        self.count += 1
        path = self.folder / f"file{self.count}.xml"
        path.write_bytes(raw)
        return str(path)

    def says(self, lines: Lines, *more: str, typed: str = "2", **has: str) -> Any:
        """Import a statement that must count; return what became of it."""
        file = self.write(camt(lines, **has))
        return self.stage.do("bank", "bank", "import", file, *more, typed=typed)

    def refused(self, lines: Lines, *more: str, **has: str) -> str:
        """Import a statement that must be refused; return the code."""
        file = self.write(camt(lines, **has))
        before = self.account
        code = self.stage.refusal("bank", "bank", "import", file, *more)
        assert self.account == before
        return code

    @property
    def account(self) -> Any:
        """The account's record."""
        return self.stage.world.scan("all", "account")[0]

    def payouts(self, state: str) -> list[Any]:
        """Payouts in a state."""
        rows: list[Any] = self.stage.do("bank", "payout", "list", "--state", state)[
            "items"
        ]
        return rows


@pytest.fixture
def bank(stage: Stage, tmp_path: Path) -> Bank:
    """Return the attester's side."""
    return Bank(stage, tmp_path)


def test_from_the_statement_to_the_payout_and_back(stage: Stage, bank: Bank) -> None:
    """Money in, day closed, paid out, rejected, paid again, returned less charges."""
    bank.says(
        [("C 1000.00 ref=A1", f"- doc=INV-7 from={PAYER}")],
        balances="OPBD=0.00 CLBD=1000.00",
        sequence="7",
    )
    assert (bank.account["closed_date"], bank.account["closing_minor"]) == (
        DUE,
        100_000,
    )
    (due,) = bank.payouts("due")
    assert due["amount_minor"] == 100_000
    first = instruct(stage, bank)
    answered = bank.write(answer(f"{first} RJCT AC04 closed"))
    stage.do("bank", "payout", "import", answered, typed="1")
    assert stage.refusal("bank", "payout", "import", answered) == "nothing_new"
    assert [row["id"] for row in bank.payouts("due")] == [due["id"]]
    second = instruct(stage, bank)
    assert second != first
    stage.do("bank", "bank", "import", bank.write(answer(f"{second} ACSP")), typed="1")
    stage.advance(NEXT)
    paid = [("D 1000.00 ref=B1", f"- uetr={uetr_of(second)}")]
    bank.says(
        paid, balances="OPBD=1000.00 CLBD=0.00", sequence="8", day=NEXT, item="S2"
    )
    (row,) = bank.payouts("paid")
    assert row["outcomes"] == ["rejected", "paid"]
    stage.advance("2026-03-04")
    back = [("C 990.00 ref=C1 on=2026-03-04", f"- e2e={second} ret=AC04")]
    bank.says(
        back,
        balances="OPBD=0.00 CLBD=990.00",
        sequence="9",
        day="2026-03-04",
        item="S3",
    )
    (row,) = bank.payouts("due")
    assert (row["outcomes"], row["amount_minor"]) == (["rejected", "returned"], 100_000)
    assert bank.account["discrepancies"] == 0
    assert bank.account["closed_date"] == "2026-03-04"


def instruct(stage: Stage, bank: Bank) -> str:
    """Instruct what is due and write the bank's file; return the end-to-end id."""
    stage.do("bank", "payout", "instruct", "--all", typed="1000.00")
    file = bank.folder / f"pay{bank.count}.xml"
    words = ["payout", "export", "--format", "pain001", "-o", str(file)]
    (row,) = stage.do("bank", *words)["items"]
    tree = etree.fromstring(file.read_bytes())
    names = {"p": PAIN_001.namespace}
    found = {
        tag: tree.findtext(f".//p:{tag}", namespaces=names)
        for tag in ("EndToEndId", "InstdAmt", "MmbId", "UETR")
    }
    end = str(row["attempts"][-1])
    assert found == {
        "EndToEndId": end,
        "InstdAmt": "1000.00",
        "MmbId": "102100000021",
        "UETR": uetr_of(end),
    }
    assert tree.xpath(".//p:CdtrAcct//p:IBAN/text()", namespaces=names) == [
        "DE89370400440532013000"
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    return end


def test_the_same_file_changes_nothing(stage: Stage, bank: Bank) -> None:
    """Nor does another file of the same entries, or one of a closed day."""
    has = {"balances": "OPBD=0.00 CLBD=3.00"}
    lines = ["C 5.00 ref=A1", "D 2.00 ref=A2 code=CHRG"]
    bank.says(lines, **has)
    file = bank.write(camt(lines, **has))
    before = bank.account
    assert stage.refusal("bank", "bank", "import", file) == "nothing_new"
    (stage.home / "wallets" / "bank" / "accounts.json").unlink()
    assert bank.refused([*lines, "C 1.00 status=PDNG"], **has) == "nothing_new"
    assert bank.account == before


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Return an account with a closed day, and 6.00 on the day that is open."""
    folder = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, open_stage(folder, patch) as stage:
        found_account(stage, folder)
        stage.advance("2026-03-04")
        bank = Bank(stage, folder)
        bank.says(["C 5.00 ref=A1"], balances="OPBD=0.00 CLBD=5.00", sequence="6")
        has = {"balances": "OPBD=5.00 CLBD=6.00", "day": NEXT, "item": "S2"}
        line = f"C 1.00 ref=A9 on={NEXT}"
        bank.says([line], "--no-close", typed="1", sequence="7", **has)
        yield bank


LINE = f"C 1.00 ref=B1 on={NEXT}"
GOOD = {"balances": "OPBD=6.00 CLBD=7.00", "day": NEXT, "item": "S3"}
GAPS: dict[str, tuple[str, Lines, dict[str, str]]] = {
    "the balance before is another": (
        "statement_gap",
        [LINE],
        {"balances": "OPBD=9.00 CLBD=10.00"},
    ),
    "a number is missing": ("statement_gap", [LINE], {"sequence": "9"}),
    "an older number": ("statement_gap", [LINE], {"sequence": "4"}),
    "a day that is closed": ("statement_gap", [LINE], {"day": DUE}),
    "another account": ("other_account", [LINE], {"number": PAYER}),
    "another currency": ("which_account", [f"{LINE} ccy=USD"], {"currency": "USD"}),
    "another currency in it": ("other_currency", [f"{LINE} ccy=USD"], {}),
    "balances that do not add up": (
        "balance_differs",
        [LINE],
        {"balances": "OPBD=6.00 CLBD=7.01"},
    ),
    "booked after its end": ("bad_bank_field", ["C 1.00 ref=B1 on=2026-03-04"], {}),
    "a known entry that differs": (
        "entry_differs",
        [f"C 1.01 ref=A9 on={NEXT}"],
        {"balances": "OPBD=5.00 CLBD=6.01"},
    ),
    "five decimals": ("too_many_decimals", ["C 1.00001 ref=B1"], {}),
    "nothing at all": ("bad_bank_field", ["C 0.00 ref=B1"], {}),
}


@pytest.mark.parametrize(("code", "lines", "has"), GAPS.values(), ids=GAPS)
def test_what_does_not_follow_is_refused_as_a_whole(
    settled: Bank, code: str, lines: Lines, has: dict[str, str]
) -> None:
    """By its name, and nothing of it is recorded."""
    assert settled.refused(lines, **(GOOD | has)) == code


def test_a_number_the_bank_left_out_can_be_passed_over(
    stage: Stage, bank: Bank
) -> None:
    """The balances must follow all the same."""
    bank.says(["C 5.00 ref=A1"], balances="OPBD=0.00 CLBD=5.00", sequence="6")
    stage.advance(NEXT)
    has = {
        "balances": "OPBD=5.00 CLBD=5.00",
        "sequence": "8",
        "day": NEXT,
        "item": "S2",
    }
    assert bank.refused([], **has) == "statement_gap"
    bank.says([], "--skip-number", typed="5.00", **has)
    assert bank.account["closed_date"] == NEXT


def test_only_one_type_of_message_counts(stage: Stage, bank: Bank) -> None:
    """Notifications, reports and tables are compared; differences are told."""
    bank.says(
        ["C 5.00 ref=A1"], "--no-close", typed="1", balances="OPBD=0.00 CLBD=5.00"
    )
    before = bank.account
    for name in ("camt.052", "camt.054"):
        file = bank.write(camt(["C 5.00 ref=A1", "C 6.00 ref=A2"], name=name))
        (row,) = stage.do("bank", "bank", "import", file)["differences"]
        assert (row["key"], row["amount_minor"]) == ("CRDT/R/A2/1", 600)
        assert "Only compared" in stage.run("bank", "bank", "import", file).err
    assert bank.account == before


def test_several_statements_of_a_file_are_taken_in_order(
    bank: Bank, stage: Stage
) -> None:
    """Each begins where the last one ended; those of other accounts are left out."""
    stage.advance(NEXT)
    rows = [
        camt(["C 5.00 ref=A1"], balances="OPBD=0.00 CLBD=5.00", item="S1"),
        camt(["D 2.00 ref=A2"], balances="OPBD=5.00 CLBD=3.00", item="S2", day=NEXT),
        camt(["C 9.00 ref=A3"], balances="OPBD=0.00 CLBD=9.00", number=PAYER),
    ]
    parts = [raw[raw.index(b"<Stmt>") : raw.index(b"</BkToCstmrStmt>")] for raw in rows]
    file = bank.write(rows[0].replace(parts[0], b"".join(parts)))
    ended = stage.run("bank", "bank", "import", file, typed="4")
    assert ended.exit_code == 0, ended.err
    assert "Left out: statement S1 of account" in ended.err
    assert (bank.account["closed_date"], bank.account["closing_minor"]) == (NEXT, 300)


def test_clear_account_data_stays_with_the_wallet(stage: Stage, bank: Bank) -> None:
    """For its owner only, erased when asked; without it nothing is guessed."""
    path = stage.home / "wallets" / "bank" / "accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    bank.says(
        [("C 10.00 ref=A1", f"- doc=INV-7 from={PAYER}")],
        balances="OPBD=0.00 CLBD=10.00",
    )
    stage.do("bank", "payout", "instruct", "--all", typed="10.00")
    words = ["payout", "export", "--format", "pain001"]
    alpha = stage.world.member("alpha")
    assert stage.do("bank", "member", "account", "forget", alpha) == {"erased": 1}
    ended = stage.run("bank", *words)
    assert (ended.exit_code, "no card" in ended.err) == (6, True)
    card = bank.folder / "alpha.card"
    raw = card.read_bytes()
    card.write_bytes(raw.replace(b"DE8937", b"DE8938"))
    stage.do("bank", "member", "account", "keep", str(card))
    assert stage.run("bank", *words).exit_code == 6
    card.write_bytes(raw)
    stage.do("bank", "member", "account", "keep", str(card))
    assert "DE89370400440532013000" in stage.run("bank", *words).out
    path.chmod(0o644)
    assert stage.refusal("bank", *words) == "file_exposed"
    path.chmod(0o600)
    path.write_text("{}")
    assert stage.refusal("bank", *words) == "account_data_damaged"
    path.unlink()
    assert stage.refusal("bank", *words) == "account_data_missing"


def test_what_does_not_fit_is_told_and_cleared(stage: Stage, bank: Bank) -> None:
    """A reversal of nothing named blocks payouts until owner and attester sign."""
    file = bank.write(camt(["C 5.00 ref=A1", "D 2.00 rvsl=true"]))
    ended = stage.run("bank", "bank", "import", file, typed="2")
    assert (ended.exit_code, "1 facts do not fit" in ended.err) == (0, True)
    (found,) = [
        row
        for row in stage.do("bank", "inbox")["items"]
        if row["kind"] == "discrepancy"
    ]
    assert (found["code"], found["net_minor"]) == ("unknown_original", -200)
    name = short_id("discrepancy", found["id"])
    more = ["--original", "CRDT/R/A1/1"]
    assert stage.refusal("bank", "bank", "clear", name, typed="-2.00") == found["code"]
    stage.do("bank", "bank", "clear", name, *more, typed="-2.00")
    assert bank.account["discrepancies"] == 0


def test_mandate_and_suspense_are_the_owners(stage: Stage, bank: Bank) -> None:
    """A mandate is replaced and withdrawn; money in suspense is kept longer."""
    words = ["--until", "2027-01-01", "--document", "cd" * 32]
    stage.do("bank", "bank", "mandate", "set", "CNY 50.00", *words, typed="50.00")
    assert bank.account["mandate"]["limit_minor"] == 5_000
    stage.do("bank", "bank", "mandate", "withdraw", *words[2:], typed="1")
    assert "mandate" not in bank.account
    bank.says([("C 5.00 ref=A1", "- text=who~knows")], typed="1")
    (money,) = stage.do("bank", "bank", "receipts")["items"]
    stage.do("bank", "bank", "hold", money["id"], *words, typed="1")
    (kept,) = stage.do("bank", "bank", "receipts")["items"]
    assert kept["hold"]["until"] == "2027-01-01"
    assert stage.refusal("alpha", "payout", "request") == "not_found"


def test_money_goes_back_to_where_it_came_from(stage: Stage, bank: Bank) -> None:
    """The ledger knows no account of a stranger; the bank's own file does."""
    stranger = f"- text=who~knows name=A~Stranger from={STRANGER}"
    raw = camt([("C 5.00 ref=A1", stranger)])
    file = bank.write(raw)
    stage.do("bank", "bank", "import", file, typed="1")
    (money,) = stage.do("bank", "bank", "receipts")["items"]
    words = ["bank", "return", money["id"], "--amount", "CNY 5.00"]
    stage.do("bank", *words, typed="5.00")
    stage.do("bank", "payout", "instruct", "--all", typed="5.00")
    order = ["payout", "export", "--format", "pain001"]
    ended = stage.run("bank", *order)
    assert (ended.exit_code, "no --statement" in ended.err) == (6, True)
    told = stage.run("bank", *order, "--statement", file).out
    assert f"<Cdtr><Nm>A Stranger</Nm></Cdtr><CdtrAcct><Id><IBAN>{STRANGER}" in told


def imported(bank: Bank, count: int) -> float:
    """Import a statement of so many receipts; return the seconds it took."""
    file = bank.write(many(count))
    typed = f"{-(-count // 100) + 1} CNY {count}.00"
    began = time.perf_counter()
    bank.stage.do("bank", "bank", "import", file, typed=typed)
    return time.perf_counter() - began


def test_a_long_file_is_one_screen(bank: Bank) -> None:
    """In parts of a hundred entries, in order, then the day closes."""
    imported(bank, 450)
    assert bank.account["closing_minor"] == 45_000
    assert bank.account["closed_date"] == DUE


@pytest.mark.slow
def test_ten_thousand_entries_are_imported_in_ten_seconds(bank: Bank) -> None:
    """Read, shown, signed, sent and closed, on an idle machine of two cores."""
    spent = imported(bank, 10_000)
    assert bank.account["closing_minor"] == 1_000_000
    assert spent < 10
