"""An invoice is used once: its amount, its look-alikes, its retention."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ledger.errors import LedgerError
from tests.rows import Row, rows
from tests.stage import Stage
from tests.verbs import confirm, live, open_account, submit
from tests.world import CALENDAR, World


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


NO_DAY = "no_business_day"

USES = """
another amount       | submit number=A1    | submit number=A1 face=9  | invoice_differs
over the rest        | use A2 600          | use A2 401               | invoice_overused
all the rest         | use A3 600          | use A3 400               | ok
over the whole       |                     | use A4 1001              | invoice_overused
of another seller    | submit number=A5    | use A5 1 supplier=beta   | ok
of another debtor    | submit number=A6,
                     | deal debtor=buyer   | submit number=A6         | ok
rejected             | submit number=A7,
                     | reject              | submit number=A7         | ok
cancelled            | submit number=A8,
                     | cancel              | submit number=A8         | ok
expired              | submit number=A9,
                     | wait 11             | submit number=A9         | ok
declined             | issue number=A10,
                     | decline             | submit number=A10        | ok
free, another amount | submit number=A11,
                     | reject              | submit number=A11 face=9 | ok
cancelled when live  | live number=A12,
                     | cancel_live         | submit number=A12        | ok
cancelled when moved | live number=A13, transfer 0 1000000,
                     | cancel_live         | submit number=A13        | invoice_overused
live                 | live number=A14     | submit number=A14        | invoice_overused
settled              | live number=A15 days=3, wait 3,
                     | receive 1000000     | submit number=A15        | invoice_overused
overdue              | live number=A16 days=3,
                     | wait 3, close       | submit number=A16        | invoice_overused
"""

LOOK_ALIKES = """
beside a proposal     | submit number=B-001,
                      | submit number=B-1     | confirm             | near_duplicate
beside a live one     | live number=B-002,
                      | submit number=B-2     | confirm             | near_duplicate
beside a settled one  | live number=B-003 days=3, wait 3, receive 1000000,
                      | submit number=B-3     | confirm             | near_duplicate
beside a freed one    | submit number=B-004, reject,
                      | submit number=B-4     | confirm             | ok
said to differ        | live number=B-005,
                      | submit number=B-5     | confirm different=B-5 | ok
the other said so     | live number=B-006,
                      | submit number=B-6     | confirm different=B-006 | near_duplicate
of another date       | live number=B-7,
                      | use B-7 1 date=2026-01-03 | confirm             | near_duplicate
of another seller     | live number=B-008,
                      | submit number=B-8 supplier=beta | confirm             | ok
beside one issued     | live number=B-009     | issue number=B-9    | near_duplicate
issued as different   | live number=B-0010    | issue number=B-10 different=B-10 | ok
countered             | live number=B-0011,
                      | submit number=B-11    | counter debtor      | near_duplicate
different counter     | live number=B-0012,
                      | submit number=B-12    | counter debtor different=B-12 | ok
the supplier counters | issue number=B-0013, submit number=B-13,
                      | counter debtor different=B-13 | counter supplier    | ok
the fiftieth          | look_alikes X1 49     | look_alikes X1 50   | invoice_overused
one in fifty          |                       | look_alikes X2 50   | ok
one beyond fifty      |                       | look_alikes X3 51   | limit_exceeded
"""

RETENTIONS = """
of nothing known     |                             | draw R1 100      | invoice_overused
of a proposal        | retain R2 verb=submit       | draw R2 100      | invoice_overused
of another deduction | retain R3 cut_type=advance  | draw R3 100      | invoice_overused
of another invoice   | retain R4                   | draw R5 100      | invoice_overused
of another seller    | retain R6                   | draw R6 100 beta | invoice_overused
one unit too much    | retain R7                   | draw R7 101      | invoice_overused
all of it            | retain R8                   | draw R8 100      | ok
beyond two draws     | retain R9, draw R9 60       | draw R9 41       | invoice_overused
two draws            | retain R10, draw R10 60     | draw R10 40      | ok
given back           | retain R11,
                     | draw R11 100, reject        | draw R11 100     | ok
of a settled one     | retain R12 days=3,
                     | wait 3, receive 900         | draw R12 100     | ok
it goes live         | retain R13, draw R13 100    | confirm          | ok
it is used up        | retain R14                  | use R14 100      | invoice_overused
source of a draw     | retain R15,
                     | draw R15 100, go_first      | cancel_live      | encumbered
source no more       | retain R16, draw R16 100,
                     | reject, go_first            | cancel_live      | ok
"""


@rows(USES, LOOK_ALIKES, RETENTIONS)
def test_rows(stage: Stage, row: Row) -> None:
    """Each use of an invoice is answered with its code."""
    assert row.answer(stage) == row.code


FORMS = [
    ("INV-7", "inv-7", "same"),
    ("INV 7", "INV7", "same"),
    ("I N V7", "inv7", "same"),
    ("\u00c4-7", "\u00c4-7", "same"),
    ("0012", "12", "near"),
    ("INV-0012", "INV-12", "near"),
    ("INV12", "INV-12", "near"),
    ("A.1_2", "A12", "near"),
    ("A-0", "A-000", "near"),
    ("2026-7", "20267", "near"),
    ("2026-007", "2026-7", "near"),
    ("2026-007", "2026007", "near"),
    ("#12", "12", "near"),
    ("\uff11\uff12", "12", "near"),
    ("\uff21-12", "A12", "near"),
    ("\u00e4-7", "\u00c4-7", "near"),
    ("12", "13", "apart"),
    ("12", "120", "apart"),
    ("12", "102", "apart"),
    ("12", "12A", "apart"),
    ("A1", "B1", "apart"),
    ("A10", "A1", "apart"),
]


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    FORMS,
    ids=[f"{first!a} and {second!a}" for first, second, _ in FORMS],
)
def test_forms_of_a_number(
    stage: Stage, first: str, second: str, relation: str
) -> None:
    """What differs in form alone is one invoice, or a look-alike of it."""
    for one, other in ((first, second), (second, first)):
        assert relate(stage, one, other) == relation


def relate(stage: Stage, one: str, other: str) -> str:
    """Return what a second number is to a first one, where there is no third."""
    stage.begin()
    letters = f"{int(stage.number()[1:]):03}"
    currency = "".join("ABCDEFGHIJ"[int(digit)] for digit in letters)
    open_account(stage, currency=currency)
    stage.deal(currency=currency)
    live(stage, number=one)
    code = code_of(lambda: submit(stage, number=other))
    if code != "ok":
        return {"invoice_overused": "same"}[code]
    code = code_of(lambda: confirm(stage))
    return {"near_duplicate": "near", "ok": "apart"}[code]


def code_of(action: Callable[[], object]) -> str:
    """Return the code an action is answered with."""
    try:
        action()
    except LedgerError as error:
        return error.code
    return "ok"


def test_due_date_needs_a_business_day() -> None:
    """The tenor is judged to the adjusted date; without one it is refused."""
    days = [f"2026-05-{day:02}" for day in range(1, 32)]
    days += [f"2026-06-{day:02}" for day in range(1, 31)]
    world = World(parameters={"calendar": {**CALENDAR, "holidays": days}})
    world.open_account()
    world.open_programme(tenor_norm_days=91, tenor_cap_days=91)
    # 2026-04-04 is a Saturday 89 days ahead, the Monday after it 91 days.
    live = world.issue_live(1, "2026-04-04", number="N1")
    assert world.read("receivable", live)["adjusted_date"] == "2026-04-06"
    late = world.submit(1, "2026-04-07", number="N2")
    assert code_of(lambda: world.confirm(late)) == "tenor_too_long"
    code = code_of(lambda: world.submit(1, "2026-05-01", number="N3"))
    assert code == NO_DAY
