"""What the guard refuses, and how it says so."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.guard import read_source
from tests.ledger.escapes import BODIES, BOMBS, FAULTS, TEXTS, TOPS
from tests.ledger.metering import verdicts
from tests.ledger.rulefiles import HEAD, KIT, PATH, file_of, function_of

ROOT = Path(__file__).parent.parent.parent

REFUSED = {
    **{f"top_{name}": (file_of(top), found) for name, (top, found) in TOPS.items()},
    **{f"in_{name}": (function_of(b), found) for name, (b, found) in BODIES.items()},
    **{f"text_{name}": row for name, row in TEXTS.items()},
}

KIT_REFUSED = {
    "text in an alias of a type": ('X = list["1"]', "a text as annotation"),
    "forward reference": ("from typing import ForwardRef", "import of ForwardRef"),
    "adapter": ("from pydantic import TypeAdapter", "import of TypeAdapter"),
    "tuple made by a call": (
        "from typing import NamedTuple\nN = NamedTuple('N', [])",
        "a call of NamedTuple",
    ),
    "class made by a call": ("A = type('A', (), {})", "a call of type"),
    "import": ("import os", "import"),
    "import_os": ("from os import path", "import of path"),
    "import_datetime": ("from datetime import datetime", "datetime"),
    "import_inside": ("def f():\n    from typing import Any", "this import"),
    "import_star": ("from typing import *", "this import"),
    "create_model": ("from pydantic import create_model", "this import"),
    "float": ("x = 0.5", "0.5"),
    "division": ("x = 1 / 2", "/"),
    "bare_except": ("try:\n    x = 1\nexcept:\n    pass", "bare except"),
    "base_exception": ("try:\n    x = 1\nexcept BaseException:\n    pass", "BaseExc"),
    "finally": ("try:\n    x = 1\nfinally:\n    pass", "finally"),
    "global": ("def f():\n    global x\n    x = 1", "global"),
    "open": ("x = open('a')", "open"),
    "getattr": ("x = getattr(1, 'real')", "getattr"),
    "set": ("x = [a for a in {1, 2}]", "set"),
    "today": ("from datetime import date\nx = date.today()", ".today"),
    "globals": ("def f(): pass\nx = f.__globals__", ".__globals__"),
    "getattribute": (
        "x = object.__getattribute__(len, '__globals__')",
        ".__getattribute__",
    ),
    "frame": ("def f(e):\n    return e.tb_frame", ".tb_frame"),
    "pattern": ("match len:\n    case object(__self__=1):\n        x = 1", "match"),
    "annotation_text": (
        "class A:\n    x: list['__import__(1)']",
        "a text as annotation",
    ),
    "type_bound": ("def f(list): pass\nlist = 1", "list bound"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_escape_is_refused_with_line_reason_and_fix(name: str) -> None:
    """Every program of the corpus is refused at once, for what stands beside it."""
    source, found = REFUSED[name]
    start = time.process_time()
    with pytest.raises(LedgerError) as refusal:
        read_source(PATH, source)
    assert time.process_time() - start < 5  # of some hundredths
    assert refusal.value.code == "rule_refused"
    assert found in refusal.value.found
    details = refusal.value.details
    assert details["path"] == PATH
    assert isinstance(details["line"], int)
    assert 1 <= details["line"] <= source.count("\n") + 1
    assert details["reason"]
    assert details["fix"]


@pytest.mark.parametrize("name", KIT_REFUSED)
def test_kit_is_kept_from_the_machine(name: str) -> None:
    """The kit's wider subset still ends where machines differ or can be reached."""
    source, found = KIT_REFUSED[name]
    with pytest.raises(LedgerError) as refusal:
        read_source("kit/v1/parts.py", source)
    assert found in refusal.value.found


@pytest.mark.parametrize("body", [*BOMBS.values(), *(b for b, _ in FAULTS.values())])
def test_what_only_the_meter_can_stop_passes_the_guard(body: str) -> None:
    """The bombs are written in the subset, so the meter's tests test the meter."""
    top = "class Part(Payload):\n    rows: list[int]\n\n\n"
    read_source(PATH, function_of(body).replace("def attack", top + "def attack"))


def test_refusal_names_the_line() -> None:
    """The line is the one an editor shows."""
    with pytest.raises(LedgerError) as refusal:
        read_source(PATH, function_of("n += 1\nn += 2\nreturn n / 3"))
    assert refusal.value.details["line"] == HEAD.count("\n") + 2 + 5


def test_no_more_than_the_bytes_of_a_transaction() -> None:
    """The bound is on bytes, and it is the last size that fits."""
    filler = "#" * (46_900 - len(HEAD) - 1) + "\n"
    read_source(PATH, HEAD + filler)
    with pytest.raises(LedgerError):
        read_source(PATH, HEAD + "#" + filler)


@pytest.mark.parametrize(
    "path",
    ["", "rule.py", "a/b/c.py", "kit/v1/../x.py", "kit/rule.py", "Kit/a.py", "a/B.py"],
    ids=["empty", "flat", "deep", "dots", "no_version", "capital", "capital_part"],
)
def test_paths_are_of_two_forms(path: str) -> None:
    """A file that is neither rule nor kit has no profile to be checked against."""
    with pytest.raises(LedgerError):
        read_source(path, HEAD)


def test_the_small_kit_passes() -> None:
    """Classes, exceptions and imports of the kit are in its subset."""
    for path, source in KIT.items():
        read_source(path, source)


def test_rules_of_this_project_pass() -> None:
    """What the project ships is written in its own subset."""
    root = ROOT / "contracts"
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if inside.name != "__init__.py" and inside.parts[0] != "kit":
            read_source("rule/" + inside.name, path.read_text("utf-8"))
        elif len(inside.parts) == 3:
            read_source(inside.as_posix(), path.read_text("utf-8"))


def other_pythons() -> list[Path]:
    """Return the interpreters that a version manager keeps, this one's minor apart."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found: dict[str, Path] = {}
    for folder in sorted(home.glob("versions/3.*")):
        minor = re.match(r"3\.(\d+)", folder.name)
        if minor and 11 <= int(minor[1]) != sys.version_info.minor:
            found[minor[1]] = folder / "bin" / "python"
    return [path for path in found.values() if path.exists()]


def test_units_results_and_verdicts_are_equal_on_every_python() -> None:
    """A block costs the same and a file passes or not, whatever runs the node."""
    pythons = other_pythons()
    if not pythons:
        pytest.skip("other Pythons absent")
    answers = {
        subprocess.run(
            [python, "-B", "-m", "tests.ledger.metering"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for python in (Path(sys.executable), *pythons)
    }
    assert len(answers) == 1
    assert json.loads(answers.pop())["verdicts"] == verdicts()
