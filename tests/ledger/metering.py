"""Runs pure rule functions under the meter and prints what they cost.

It needs the standard library alone, so that any installed Python can run it:
``python -m tests.ledger.metering`` from the root prints one line of JSON.
"""

import ast
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ledger.errors import LedgerError
from ledger.gas import INJECTED, RULE_BUILTINS, Meter, metered
from ledger.guard import read_source
from ledger.injection import inject_meter
from tests.ledger.escapes import BODIES, BOMBS, FAULTS, TEXTS, TOPS
from tests.ledger.rulefiles import PATH, file_of, function_of

SHARE_OUT = '''
def share_out(pot: int, claims: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Split by largest remainder."""
    total = sum(weight for _, weight in claims)
    rows = []
    given = 0
    for item, weight in claims:
        exact = pot * weight
        share = exact // total
        rows.append((exact % total, item, share))
        given += share
    left = pot - given
    out = []
    for row in sorted(rows, key=lambda row: (-row[0], row[1])):
        share = row[2]
        if left > 0:
            share += 1
            left -= 1
        out.append((row[1], share))
    return out
'''

MIXTURE = '''
WORDS = ("due", "paid", "late")


def pick(n: int) -> str:
    """Return a word."""
    return WORDS[n % len(WORDS)]


def mixture(n: int) -> object:
    """Use every construct that is charged."""
    rows = [{"id": str(i), "word": pick(i), "at": i * i % 97} for i in range(n)]
    groups: dict[str, list[int]] = {}
    for row in rows:
        groups.setdefault(row["word"], []).append(row["at"])
        if row["at"] > 90 and row["word"] in WORDS:
            continue
    best = {word: max(ats, default=0) for word, ats in groups.items()}
    text = "/".join(sorted(best)) if n > 0 else "/".join([*WORDS])
    pairs = [(a, b) for a in range(5) for b in range(a) if a != b]
    n = len(pairs)
    while n > 3:
        n = n // 2
        text = text + str(n)
        if n == 1:
            break
    total = sum(best.values())
    names = [row["id"] for row in sorted(rows, key=lambda row: (row["at"], row["id"]))]
    return [text, total, names[1:9], min(3, n), any(row["at"] == 96 for row in rows)]
'''


def functions_of(source: str, *, is_metered: bool) -> dict[str, Any]:
    """Return the functions and constants of a rule file, without its kit."""
    kept = (ast.FunctionDef, ast.Assign)
    tree = read_source(PATH, file_of(source))
    body = [node for node in tree.body[1:] if isinstance(node, kept)]
    body = [node for node in body if "Rule" not in ast.dump(node)]
    tree = ast.Module(body, [])
    space: dict[str, Any] = {}
    if is_metered:
        tree = inject_meter(tree, is_rule=True)
        space["__builtins__"] = {**RULE_BUILTINS, **INJECTED}
    exec(compile(tree, "<rule>", "exec", dont_inherit=True), space)
    return space


def claims_of(count: int) -> list[tuple[str, int]]:
    """Return claims with distinct ids and uneven weights."""
    return [(f"{n * 7919:064x}", n * 7919 % 100_003 + 1) for n in range(count)]


def units_of(call: Callable[[], object]) -> tuple[int, object]:
    """Return the units a call uses, and its result."""
    meter = Meter(10**9)
    with metered(meter):
        result = call()
    return meter.used, result


def verdicts() -> dict[str, bool]:
    """Return name -> whether the guard refuses, for the whole corpus."""
    files = {name: file_of(top) for name, (top, _) in TOPS.items()}
    files |= {name: text for name, (text, _) in TEXTS.items()}
    bodies = {name: body for name, (body, _) in BODIES.items()}
    bodies |= {name: body for name, (body, _) in FAULTS.items()}
    files |= {name: function_of(body) for name, body in {**bodies, **BOMBS}.items()}
    found = {}
    for name, source in files.items():
        try:
            read_source(PATH, source)
            found[name] = False
        except LedgerError:
            found[name] = True
    return found


def overhead_percent(count: int, rounds: int) -> int:
    """Return the time of the metered share-out, the plain one being 100."""
    claims = claims_of(count)
    best = {}
    for is_metered in (False, True):
        share_out = functions_of(SHARE_OUT, is_metered=is_metered)["share_out"]
        times = []
        for _ in range(rounds):
            start = time.process_time_ns()
            with metered(Meter(10**9)):
                share_out(10**9, claims)
            times.append(time.process_time_ns() - start)
        best[is_metered] = min(times)
    return best[True] * 100 // best[False]


def main() -> None:
    """Print units, results and verdicts; with an argument, the overhead too."""
    share_out = functions_of(SHARE_OUT, is_metered=True)["share_out"]
    mixture = functions_of(MIXTURE, is_metered=True)["mixture"]
    facts: dict[str, object] = {
        "share_out": units_of(lambda: share_out(1_234_567, claims_of(500))),
        "mixture": units_of(lambda: mixture(200)),
        "verdicts": verdicts(),
    }
    if sys.argv[1:]:
        facts = {"overhead_percent": overhead_percent(20_000, 12)}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
