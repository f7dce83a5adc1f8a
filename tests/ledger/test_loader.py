"""Rules run from their bytes, metered, and away from everything else."""

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from ledger.encoding import decode, hex_digest
from ledger.errors import LedgerError
from ledger.gas import Meter, OutOfGas, charge, contains, metered, share
from ledger.loader import (
    LoadedRules,
    kit_hash,
    load_rulebook,
    manifest_hash,
    rule_manifest,
    rulebook_hash,
)
from tests.ledger.escapes import BOMBS, FAULTS
from tests.ledger.metering import (
    MIXTURE,
    SHARE_OUT,
    claims_of,
    functions_of,
    overhead_percent,
    units_of,
)
from tests.ledger.rulefiles import KIT, PATH, file_of, function_of, rulebook_files

# Of the processor, for what takes some hundredths where nothing else runs.
SECONDS_MAX = 5
SPLIT = '''
LIMIT = 100


class Part(Payload):
    """A part."""

    to: Hash
    amount_minor: Amount


class Split(Payload):
    """A split."""

    receivable: Hash
    parts: Annotated[list[Part], bound(1, 100)]
    mode: Literal["all", "some"] = "all"
    note: str | None = None


def sign_split(ctx: Context, body: Split) -> list[Signer]:
    """Return who signs."""
    tile = ctx.need("tile", body.receivable)
    return [Signer(tile["holder"], "give", 0, "")]


@rule.action("receivable.split", Split, signers=sign_split)
def split(ctx: Context, body: Split) -> None:
    """Cut a tile."""
    tile = ctx.need("tile", body.receivable)
    total = sum(part.amount_minor for part in body.parts)
    if total > LIMIT:
        ctx.emit("over", have=LIMIT, given=total)
    ctx.remove("tile", body.receivable)
    for part in body.parts:
        row = {**tile, "holder": part.to}
        ctx.emit(row["holder"], parts=len(cut_tile(0, 9, part.amount_minor)))
'''


BESIDE = """class Part(Payload):
    rows: list[int]


def first(row: tuple[int, str]) -> int:
    return row[0]


"""


class Recorder:
    """A context that keeps what it is told."""

    time = 1

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def need(self, kind: str, item: str) -> dict[str, Any]:
        """Return a record."""
        return {"kind": kind, "id": item, "holder": "a"}

    def remove(self, kind: str, item: str) -> None:
        """Remember."""
        self.told.append((f"remove {kind}", {"id": item}))

    def emit(self, event: str, **fields: Any) -> None:
        """Remember."""
        self.told.append((event, fields))


def load(source: str, **kit: str) -> LoadedRules:
    """Return a rulebook of one rule file."""
    return load_rulebook(rulebook_files(source, **kit))


def attack_of(body: str) -> Callable[[object, int], object]:
    """Return the loaded function of a corpus program."""
    source = function_of(body).replace("def attack", BESIDE + "def attack")
    attack: Callable[[object, int], object] = load(source).modules[PATH]["attack"]
    return attack


def test_action_runs_with_signers_and_payload() -> None:
    """An act of the author's style goes from bytes to effects."""
    rulebook = load(file_of(SPLIT))
    (rule,) = rulebook.rules
    payload, signers, apply = rule.actions["receivable.split"]
    body = payload(receivable="a" * 64, parts=[{"to": "b" * 64, "amount_minor": 3}] * 2)
    ctx = Recorder()
    meter = Meter(10_000)
    with metered(meter):
        assert signers(ctx, body)[0].member == "a"
        apply(ctx, body)
    assert ctx.told == [
        ("remove tile", {"id": "a" * 64}),
        ("b" * 64, {"parts": 3}),
        ("b" * 64, {"parts": 3}),
    ]
    assert meter.used == 50


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_charged(name: str) -> None:
    """What would run for ever or fill the memory ends soon, out of gas."""
    attack = attack_of(BOMBS[name])
    meter = Meter(200_000)
    start = time.process_time()
    with pytest.raises(OutOfGas), metered(meter):
        attack(Recorder(), 10**9)
    assert time.process_time() - start < SECONDS_MAX
    assert meter.used == meter.limit


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_raised_at_once(name: str) -> None:
    """What no meter could charge in time fails before it is done."""
    body, error = FAULTS[name]
    attack = attack_of(body)
    start = time.process_time()
    with pytest.raises(error), metered(Meter(200_000)):
        attack(Recorder(), 10**9)
    assert time.process_time() - start < SECONDS_MAX


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (SHARE_OUT, lambda space: space["share_out"](999_983, claims_of(300))),
        (MIXTURE, lambda space: space["mixture"](120)),
    ],
    ids=["share_out", "mixture"],
)
def test_meter_changes_no_result(
    source: str, call: Callable[[dict[str, Any]], object]
) -> None:
    """A rule computes under the meter what it computes as a plain module."""
    metered_space = functions_of(source, is_metered=True)
    plain = call(functions_of(source, is_metered=False))
    assert units_of(lambda: call(metered_space))[1] == plain


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return sorted([3, 1, 2], reverse=True)", [3, 2, 1]),
        ("return sorted([(1, 'b'), (0, 'a'), (1, 'a')], key=lambda r: r[0])",
         [(0, "a"), (1, "b"), (1, "a")]),
        ("r = [(1, 'b'), (0, ''), (1, 'a')]\nreturn sorted(r, reverse=True, key=first)",
         [(1, "b"), (1, "a"), (0, "")]),
        ("return sorted([(1, 'b'), (1, 'a')], key=lambda r: (r[0], [r[1]]))",
         [(1, "a"), (1, "b")]),
        ("return [min(n, 2), max([1, n]), min([], default=7)]", [2, 3, 7]),
        ("return max([1, 5], key=lambda x: -x)", 1),
        ("xs = [1]\nys = xs\nxs += [2]\nreturn ys", [1, 2]),
        ("d = {'a': 1}\nd['a'] += n\nd['a'] -= 1\nd['a'] *= 4\nreturn d", {"a": 12}),
        ("n //= 2\nn %= 5\nreturn n", 1),
        ("return ['a' + 'b' + str(n), [1] + [n], (1,) + (n,)]",
         ["ab3", [1, 3], (1, 3)]),
        ("return [2 in [1, 2], 2 not in {2: 1}, 'b' in 'abc', n in range(4)]",
         [True, False, True, True]),
        ("return 1 < n <= 3 == n", True),
        ("return 'abcdef'[1:n] + 'abcdef'[-1]", "bcf"),
        ("return [x for x in range(9)][::n]", [0, 3, 6]),
        ("return [a for a, (b, c) in zip([1, 2], [(1, 0), (2, 2)]) if b == c]", [2]),
        ("return [i for i, x in enumerate(reversed([5, 6]), 1) if x == 5]", [2]),
        ("g = {}\nfor x in [1, 2, 3]:\n    g.setdefault(x % 2, []).append(x)\nreturn g",
         {1: [1, 3], 0: [2]}),
        ("return ', '.join(str(x) for x in [1, True])", "1, True"),
        ("return [int('-12'), int(True), str(n), bool(n), abs(-n)]",
         [-12, 1, "3", True, 3]),
        ("return -n * (2 + n) - n // 2 % 5", -16),
        ("while True:\n    n += 1\n    if n > 500:\n        return n", 501),
    ],
    ids=[
        *("sorted", "stable", "stable_reverse", "unusual_keys", "extremes"),
        *("extreme_key", "in_place"),
        *("entry", "divide", "concatenate", "member", "chain", "slice", "steps", "zip"),
        *("enumerate", "setdefault", "join", "convert", "precedence", "return_in_loop"),
    ],
)  # fmt: skip
def test_bounded_forms_mean_what_python_means(body: str, result: object) -> None:
    """Operators and builtins are bounded, and otherwise the ones everybody knows."""
    attack = attack_of(body)
    with metered(Meter(20_000)):
        assert attack(Recorder(), 3) == result


def test_loop_left_by_return_is_charged() -> None:
    """The count of a loop is handed over on every way out."""
    attack = attack_of("for i in range(n):\n    if i == 90:\n        return i")
    meters = [Meter(10_000), Meter(10_000)]
    for meter, turns in zip(meters, (10, 1000), strict=True):
        with metered(meter):
            attack(Recorder(), turns)
    assert 30 < meters[0].used < 70
    assert 300 < meters[1].used < 500


def test_without_a_meter_nothing_runs() -> None:
    """Forgetting the meter is a defect that shows at once."""
    attack = attack_of("return n")
    with pytest.raises(OutOfGas):
        attack(Recorder(), 1)


def test_meters_nest_and_resume() -> None:
    """An inner meter is charged alone; a meter goes on where it was left."""
    outer, inner = Meter(100), Meter(50)
    with metered(outer):
        charge(10)
        with metered(inner):
            charge(20)
        charge(1)
    with metered(outer):
        charge(5)
    assert (outer.used, inner.used) == (16, 20)


CHANGES: dict[str, Callable[[Any], object]] = {
    "entry": lambda record: record.__setitem__("a", 2),
    "removal": lambda record: record.__delitem__("a"),
    "union": lambda record: record.__ior__({"a": 2}),
    "clear": lambda record: record.clear(),
    "pop": lambda record: record.pop("a"),
    "popitem": lambda record: record.popitem(),
    "setdefault": lambda record: record.setdefault("c", 2),
    "update": lambda record: record.update(a=2),
    "inside": lambda record: record["rows"][0].__setitem__("b", 2),
    "list": lambda record: record["rows"].__setitem__(0, 2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nobody_changes_what_is_shared(name: str) -> None:
    """A record that many read is the same for the next one, all the way down."""
    given = {"a": 1, "rows": [{"b": 1}, 3]}
    record = share(given)
    with pytest.raises((AttributeError, TypeError)):
        CHANGES[name](record)
    assert record == {"a": 1, "rows": ({"b": 1}, 3)}
    with metered(Meter(10)):
        assert contains(record, "a")
    changed = {**record, "a": 2}
    changed["c"] = 3
    assert given == {"a": 1, "rows": [{"b": 1}, 3]}


def test_swallowed_end_of_gas_still_ends_the_act() -> None:
    """An overdrawn meter raises at its end even if somebody caught the first."""
    meter = Meter(5)

    def swallow() -> None:
        with metered(meter):
            try:
                charge(6)
            except OutOfGas:
                return

    with pytest.raises(OutOfGas):
        swallow()
    assert meter.used == 5


def test_no_exception_handler_of_the_kit_sees_the_end_of_the_gas() -> None:
    """The kit may catch exceptions; running out of gas is none."""
    parts = KIT["kit/v1/parts.py"] + (
        "\n\ndef catch(n: int) -> int:\n    try:\n        return sum(range(n))\n"
        "    except Exception:\n        return 0\n"
    )
    source = file_of(
        "from contracts.kit.v1.parts import catch\n\n"
        "def attack(n: int) -> int:\n    return catch(n)"
    )
    attack = load(source, parts=parts).modules[PATH]["attack"]
    with pytest.raises(OutOfGas), metered(Meter(1000)):
        attack(10**6)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from contracts.kit.v1.absent import a", "import of kit/v1/absent.py"),
        ("from contracts.kit.v2 import a", "import of kit/v2/__init__.py"),
        ("from contracts.kit.v1.parts import date", "import of date"),
        ("from contracts.kit.v1.rule import BaseModel", "import of BaseModel"),
        ("from contracts.kit.v1 import absent", "import of absent"),
    ],
    ids=["module", "version", "what_the_kit_imports", "pydantic", "name"],
)
def test_rules_get_what_the_kit_offers(line: str, found: str) -> None:
    """Neither what is absent nor what the kit itself imports can be imported."""
    with pytest.raises(LedgerError) as refusal:
        load(file_of(line))
    assert refusal.value.found == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (file_of("@rule.action('a.b')\ndef f() -> None:\n    pass"), "TypeError"),
        (file_of("").replace('"receivable"', '"other"'), "rule"),
        (file_of("").replace('= Rule("receivable", part=', "= bound(1, "), "rule"),
    ],
    ids=["raises", "name_of_folder", "no_rule"],
)  # fmt: skip
def test_failing_file_is_refused(source: str, found: str) -> None:
    """A file that cannot be loaded is refused with a code, never with a traceback."""
    with pytest.raises(LedgerError) as refusal:
        load(source)
    assert (refusal.value.code, refusal.value.found) == ("rule_refused", found)


def test_kit_imports_go_one_way() -> None:
    """A circle of imports has no first file."""
    with pytest.raises(LedgerError) as refusal:
        load(file_of(""), parts="from contracts.kit.v1 import Hash\n")
    assert "circles" in str(refusal.value)


def test_endless_kit_file_is_refused() -> None:
    """Loading is metered too."""
    with pytest.raises(LedgerError) as refusal:
        load(file_of(""), parts="def cut_tile(): pass\nwhile True:\n    x = 1\n")
    assert refusal.value.found == "too much work"


def test_nothing_is_taken_from_what_is_installed() -> None:
    """The loaded kit is that of the files, whatever kit stands in the process."""
    modules = load(file_of(SPLIT)).modules
    payload = modules[PATH]["Payload"]
    assert payload is modules["kit/v1/rule.py"]["Payload"]
    assert not any(name.startswith("kit/") for name in sys.modules)
    assert "__import__" not in modules[PATH]["__builtins__"]
    assert "__import__" not in modules["kit/v1/rule.py"]["__builtins__"]


def test_versions_stand_side_by_side() -> None:
    """Another text is another rulebook; the same text is the same one."""
    first = load(file_of("LIMIT = 1"))
    second = load(file_of("LIMIT = 2"))
    assert load(file_of("LIMIT = 1")) is first
    assert first.modules[PATH]["LIMIT"] == 1
    assert second.modules[PATH]["LIMIT"] == 2
    assert first.modules[PATH]["Payload"] is not second.modules[PATH]["Payload"]
    assert first.hash != second.hash
    assert first.kit == second.kit


def test_hashes_cover_every_byte_and_nothing_else() -> None:
    """The manifest names each file of the rule by its hash, and the kit by its own."""
    files = rulebook_files(file_of("LIMIT = 1"))
    manifest = decode(rule_manifest("receivable", 1, files))
    assert manifest == {
        "files": [
            {
                "path": PATH,
                "sha256": hex_digest(files[PATH].encode()),
                "size_bytes": len(files[PATH]),
            }
        ],
        "kit": kit_hash(files),
        "name": "receivable",
        "version": 1,
    }
    named = {"receivable": manifest_hash(rule_manifest("receivable", 1, files))}
    rulebook = load_rulebook(files)
    assert dict(rulebook.manifests) == named
    assert rulebook.hash == rulebook_hash(kit_hash(files), named)
    other = {**files, "other/a.py": "x"}
    assert rule_manifest("receivable", 1, other) == rule_manifest(
        "receivable", 1, files
    )
    assert kit_hash(other) == kit_hash(files)
    assert kit_hash({**files, "kit/v1/parts.py": ""}) != kit_hash(files)


@pytest.mark.slow
def test_meter_costs_little() -> None:
    """Sharing out on 20,000 claims takes at most twice the time of the plain code."""
    assert overhead_percent(20_000, 9) < 200
