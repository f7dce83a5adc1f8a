"""Cutting, joining and passing on: every refusal in the order of the checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import read_sources
from tests.rows import Row, rows
from tests.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One world for all rows; its books are added up in the end."""
    stage = Stage()
    yield stage
    stage.check()


# The usual receivable has 1000000 units, all of them alpha's.

SPLITS = """
a piece of nothing     | live                | split 0                  | bad_body
an older revision      | live, split 500000  | split 250000 rev=-1      | stale_input
a later revision       | live                | split 500000 rev=1       | stale_input
another end            | live                | split 500000 stretch=1   | stale_input
for the holder         | live                | split 500000 by=beta     | wrong_signers
a retired tile         | paid 9              | split 999995 tile=999991 | stale_input
locked                 | live, offer 0 1     | split 500000             | part_locked
locked until now       | live, offer 0 1,
                       | deadline 0          | split 500000             | part_locked
the lock expired       | live, offer 0 1,
                       | deadline 1          | split 500000             | ok
at the start           | live, split 500000  | split 500000 tile=500000 | bad_cut
at the end             | live                | split 1000000            | bad_cut
falling cuts           | live                | split 2 1                | bad_cut
the same cut twice     | live                | split 1 1                | bad_cut
below the minimum      | deal part_min_minor=400000,
                       | live                | split 399999             | part_too_small
rest below the minimum | deal part_min_minor=400000,
                       | live                | split 600001             | part_too_small
middle below it        | deal part_min_minor=300000,
                       | live                | split 400000 699999      | part_too_small
at the minimum         | deal part_min_minor=500000,
                       | live                | split 500000             | ok
three pieces           | live                | split 1 999999           | ok
overdue                | live days=3,
                       | wait 3, close       | split 500000             | ok
"""

MERGES = """
an older revision    | live, split 5                 | merge 0 5 rev=-1 | stale_input
another end          | live, split 5                 | merge 0 5 stretch=1 | stale_input
the left one locked  | live, split 5, offer 0 1      | merge 0 5     | part_locked
the right one locked | live,
                     | split 5, offer 5 9 tile=5     | merge 0 5     | part_locked
the lock expired     | live, split 5,
                     | offer 0 1, deadline 1         | merge 0 5     | ok
not neighbours       | live, split 5 10              | merge 0 10    | not_mergeable
the wrong way round  | live, split 5                 | merge 5 0     | not_mergeable
with itself          | live                          | merge 0 0     | not_mergeable
of two holders       | live, transfer 0 5            | merge 0 5     | not_mergeable
of two origins       | live, transfer 0 5,
                     | transfer 0 5 alpha            | merge 0 5     | not_mergeable
of two terms         | live, split 5, transfer 0 5,
                     | transfer 5 9 tile=5 recourse=with | merge 0 5     | not_mergeable
of one origin        | live, transfer 0 5,
                     | transfer 5 9 tile=5           | merge 0 5     | ok
of one cut           | live, split 5                 | merge 0 5     | ok
for the holder       | live, split 5                 | merge 0 5 by=beta | wrong_signers
"""

TRANSFERS = """
receiver is suspended   | live            | transfer 0 5 idle         | member_suspended
an older revision       | live, split 5   | transfer 0 5 rev=-1       | stale_input
the giver alone         | live            | transfer 0 5 by=alpha     | wrong_signers
the receiver alone      | live            | transfer 0 5 by=beta      | wrong_signers
a part retired          | paid 9          | transfer 0 5 tile=999991  | stale_input
locked                  | live, offer 5 9 | transfer 0 5              | part_locked
locked until now        | live, offer 5 9,
                        | deadline 0      | transfer 0 5              | part_locked
the lock expired        | live, offer 5 9,
                        | deadline 1      | transfer 0 5              | ok
to nobody               | live            | transfer 0 5 nobody by=alpha | wrong_signers
to the debtor           | live            | transfer 0 5 debtor       | bad_receiver
to itself               | live            | transfer 0 5 alpha        | bad_receiver
to an operator          | live            | transfer 0 5 operator     | bad_receiver
transfers used          | deal transfer_max=1, live,
                        | transfer 0 5    | transfer 0 5 gamma        | not_transferable
the last transfer       | deal transfer_max=2, live,
                        | transfer 0 5    | transfer 0 5 gamma        | ok
the rest has its own    | deal transfer_max=1, live,
                        | transfer 0 5    | transfer 5 9 gamma tile=5 | ok
not transferable at all | deal transfer_max=0,
                        | live            | transfer 0 5              | not_transferable
overdue, not said       | live days=3,
                        | wait 3, close   | transfer 0 5              | overdue_unaware
overdue, said           | live days=3,
                        | wait 3, close   | transfer 0 5 aware=1      | ok
on the first record day | deal record_days=3, live days=10,
                        | wait 7          | transfer 0 5              | record_date
the day before it       | deal record_days=3, live days=10,
                        | wait 6          | transfer 0 5              | ok
on the last record day  | deal record_days=3, live days=10,
                        | wait 9          | transfer 0 5              | record_date
on the due day          | deal record_days=3, live days=10,
                        | wait 10         | transfer 0 5              | ok
an empty part           | live            | transfer 5 5              | bad_cut
a part turned round     | live            | transfer 9 5              | bad_cut
a part of the next tile | live, split 500 | transfer 0 501            | bad_cut
a part before the tile  | live, split 500 | transfer 499 600 tile=500 | bad_cut
below the minimum       | deal part_min_minor=10,
                        | live            | transfer 0 9              | part_too_small
rest below the minimum  | deal part_min_minor=10,
                        | live            | transfer 9 500            | part_too_small
at the minimum          | deal part_min_minor=10,
                        | live            | transfer 0 10             | ok
no paper for it         | deal documents=transfer,
                        | live            | transfer 0 5              | document_missing
no purpose              | deal documents=transfer,
                        | live            | transfer 0 5 document=x   | document_missing
a purpose, no paper     | deal documents=transfer,
                        | live            | transfer 0 5 purpose=x    | document_missing
both                    | deal documents=transfer,
                        | live       | transfer 0 5 document=x purpose=x | ok
before its cut          | deal documents=transfer,
                        | live            | transfer 5 5              | document_missing
after its record date   | deal documents=transfer record_days=3,
                        | live days=10, wait 7 | transfer 0 5         | document_missing
all that a sweep left   | deal part_min_minor=10,
                        | paid 999995     | transfer 0 5              | ok
all of it               | live            | transfer 0 1000000        | ok
a part in the middle    | live            | transfer 5 9              | ok
to a bank               | live            | transfer 0 5 bank         | ok
due, no record days     | live days=3,
                        | wait 3          | transfer 0 5              | ok
"""

OFFERS = """
to a suspended one | live                      | offer 0 5 idle         | ok
an older revision  | live, split 5             | offer 0 5 rev=-1       | stale_input
for the holder     | live                      | offer 0 5 by=beta      | wrong_signers
offered twice      | live, offer 0 5           | offer 5 9              | part_locked
offered, expired   | live,
                   | offer 0 5, deadline 1     | offer 0 5              | ok
to nobody          | live                      | offer 0 5 nobody       | not_found
to the debtor      | live                      | offer 0 5 debtor       | bad_receiver
to itself          | live                      | offer 0 5 alpha        | bad_receiver
to an operator     | live                      | offer 0 5 operator     | bad_receiver
no paper for it    | deal documents=transfer,
                   | live                 | offer 0 5 purpose=x | document_missing
before its end     | deal documents=transfer,
                   | live                 | offer 0 5 days=0    | document_missing
after the receiver | deal documents=transfer,
                   | live                      | offer 0 5 debtor       | bad_receiver
with both          | deal documents=transfer, live,
                   | offer 0 5 document=x purpose=x | take              | ok
until now          | live                      | offer 0 5 days=0       | bad_deadline
until the next ms  | live                      | offer 0 5 days=0 ms=1  | ok
until the 90th day | live                      | offer 0 5 days=90      | ok
one ms beyond it   | live                      | offer 0 5 days=90 ms=1 | bad_deadline
an empty part      | live                      | offer 5 5              | bad_cut
beyond the tile    | live, split 500           | offer 0 501            | bad_cut
below the minimum  | deal part_min_minor=10,
                   | live                      | offer 0 9              | part_too_small
a whole tile       | live                      | offer 0 1000000        | ok
settled            | paid 999995,
                   | offer 0 5, receive 5 k2   | take                   | offer_over
"""

ANSWERS = """
receiver is suspended | live, offer 0 5 idle         | take           | member_suspended
no such offer         | live, offer 0 5, take        | take           | offer_over
for the receiver      | live, offer 0 5              | take by=gamma  | wrong_signers
another receivable    | live, offer 0 5              | take of=other  | offer_changed
a smaller part        | live, offer 0 5              | take hi=-1     | offer_changed
a shifted part        | live, offer 5 9              | take lo=1 hi=1 | offer_changed
at the deadline       | live, offer 0 5, deadline 0  | take           | ok
one ms late           | live, offer 0 5, deadline 1  | take           | offer_over
an hour late          | live, offer 0 5, wait 2      | take           | offer_over
overdue, not said     | live days=3, offer 0 5 days=9,
                      | wait 3, close                | take           | overdue_unaware
overdue, said         | live days=3, offer 0 5 days=9,
                      | wait 3, close                | take 1         | ok
in the record days    | deal record_days=3, live days=10,
                      | offer 0 5 days=9, wait 7     | take           | record_date
before them           | deal record_days=3, live days=10,
                      | offer 0 5 days=9, wait 6     | take           | ok
transfers used up     | deal transfer_max=1, live, transfer 0 5,
                      | offer 0 5 gamma              | take           | not_transferable
a sweep took units    | live days=3, offer 0 5 days=9,
                      | wait 3, receive 9            | take           | offer_over
a sweep elsewhere     | live days=3, transfer 0 5, offer 5 9 gamma tile=5 days=9,
                      | wait 3, receive 9            | take           | offer_over
all of a tile         | live, offer 0 1000000        | take           | ok
the middle of a tile  | live, offer 5 9              | take           | ok
"""

ENDS = """
decline nothing         | live, offer 0 5, take       | refuse           | offer_over
for the receiver        | live, offer 0 5             | refuse by=alpha  | wrong_signers
declined                | live, offer 0 5             | refuse           | ok
declined, offered again | live, offer 0 5, refuse     | offer 0 5        | ok
nothing was cut         | live, offer 5 9, refuse     | transfer 0 1000000 | ok
declined when expired   | live, offer 0 5, deadline 1 | refuse           | ok
withdraw nothing        | live, offer 0 5, refuse     | withdraw         | offer_over
for the giver           | live, offer 0 5             | withdraw by=beta | wrong_signers
withdrawn               | live, offer 0 5             | withdraw         | ok
withdrawn, then split   | live, offer 0 5, withdraw   | split 5          | ok
"""


@rows(SPLITS, MERGES)
def test_shapes(stage: Stage, row: Row) -> None:
    """Each cut and join is answered with its code."""
    assert row.answer(stage) == row.code


@rows(TRANSFERS)
def test_transfers(stage: Stage, row: Row) -> None:
    """Each joint transfer is answered with its code."""
    assert row.answer(stage) == row.code


@rows(OFFERS, ANSWERS, ENDS)
def test_offers(stage: Stage, row: Row) -> None:
    """Each offer and each answer to one gets its code."""
    assert row.answer(stage) == row.code


SWEEPING = """
split                           | live days=3, transfer 5 9,
                                | start 9        | split 2               | sweep_running
merge                           | live days=3, split 5, transfer 7 9 tile=5,
                                | start 9        | merge 0 5             | sweep_running
transfer                        | live days=3, transfer 5 9,
                                | start 9        | transfer 0 1          | sweep_running
offer                           | live days=3, transfer 5 9,
                                | start 9        | offer 0 1             | sweep_running
take                            | live days=3, transfer 5 9, offer 0 1 gamma days=9,
                                | start 9        | take                  | sweep_running
cancel live                     | live days=3, transfer 5 9,
                                | start 9 | cancel_live debtor+alpha     | sweep_running
split afterwards                | live days=3, transfer 5 9, start 9,
                                | wait 1         | split 2               | ok
more money                      | live days=3, transfer 5 9,
                                | start 9        | receive 9 k2 names=it | ok
a reversal of what is under way | live days=3, transfer 5 9,
                                | start 9        | reverse 9             | sweep_running
a reversal of what waits        | live days=3, transfer 5 9, start 9,
                                | receive 9 k2 names=it | reverse 9             | ok
money under way back            | live days=3, transfer 5 9,
                                | start 9        | give_back 1 early     | not_enough
"""


@pytest.fixture(scope="module")
def slow_stage() -> Iterator[Stage]:
    """A world whose sweeps pay one group a block."""
    sources = read_sources()
    path, line = "receivable/sweep.py", "CHUNK_TILES = 2000"
    assert line in sources[path]
    sources[path] = sources[path].replace(line, "CHUNK_TILES = 1")
    stage = Stage(sources=sources)
    yield stage
    stage.settle()
    stage.check()


@rows(SWEEPING)
def test_running_sweep(slow_stage: Stage, row: Row) -> None:
    """While a sweep runs its units stay; money queues."""
    assert row.answer(slow_stage) == row.code
