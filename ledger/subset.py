"""What rules may use, as tables; all that is not in them is refused."""

from __future__ import annotations

import ast
import re
from typing import Final

from ledger.gas import RULE_BUILTINS


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


RULE_PATH: Final = re.compile(r"(?!kit/)([a-z][a-z0-9_]*)/[a-z][a-z0-9_]*\.py")
KIT_PATH: Final = re.compile(r"kit/v[1-9][0-9]*/(__init__|[a-z][a-z0-9_]*)\.py")
KIT_MODULE: Final = re.compile(
    r"contracts\.kit\.(v[1-9][0-9]*)(?:\.([a-z][a-z0-9_]*))?"
)

# Types stand in annotations; of these, some may be called.
TYPES: Final = words("bool dict int list object str tuple")
CALLABLE_TYPES: Final = words("bool int list str tuple")
FUNCTIONS: Final = frozenset(
    name for name in RULE_BUILTINS if name not in TYPES and name[0] != "_"
)
CONSUMERS: Final = words("all any list max min sorted sum tuple")
KEYED: Final = words("max min sorted")

# Of what builtin types can do, rules get these methods.
METHODS_ALLOWED: Final = words(
    "append endswith get isoformat items join keys setdefault startswith values"
)
# These are methods of the context too, and free on a parameter of that type.
CONTEXT_METHODS: Final = frozenset(("remove",))
# These may be read as fields, since a method that is not called does nothing.
FIELD_WORDS: Final = words("count index title")
METHODS_REFUSED: Final = words(
    # texts and bytes
    "capitalize casefold center count decode encode expandtabs find format format_map "
    "fromhex hex index isalnum isalpha isascii isdecimal isdigit isidentifier islower "
    "isnumeric isprintable isspace istitle isupper ljust lower lstrip maketrans "
    "partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit "
    "rstrip split splitlines strip swapcase title translate upper zfill "
    # numbers
    "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag "
    "is_integer numerator real to_bytes "
    # lists, dicts, sets
    "clear copy difference discard extend fromkeys insert intersection isdisjoint "
    "issubset issuperset pop popitem remove reverse sort symmetric_difference union "
    "update "
    # generators, frames, classes, functions
    "ag_frame close co_code co_consts co_names cr_frame f_back f_builtins f_code "
    "f_globals f_locals gi_code gi_frame gi_yieldfrom mro register send tb_frame "
    "tb_next throw "
    # dates
    "astimezone ctime dst fromisocalendar fromisoformat fromordinal fromtimestamp "
    "isocalendar now strftime strptime time_ns timestamp timetuple today "
    "total_seconds tzname utcfromtimestamp utcnow utcoffset utctimetuple "
    # pydantic
    "construct dict from_orm json parse_file parse_obj parse_raw schema schema_json "
    "update_forward_refs validate"
)

# node -> what it is called, why rules do without it, what to write instead
FIXES: Final[dict[str, tuple[str, str, str]]] = {
    "Import": ("import", "rules reach the kit alone", "from contracts.kit.v1 import …"),
    "Try": ("try", "it could hide the end of the gas", "test first, ctx.refuse"),
    "TryStar": ("try", "it could hide the end of the gas", "test first, ctx.refuse"),
    "Raise": ("raise", "results carry declared codes only", "ctx.refuse(code, …)"),
    "Assert": ("assert", "results carry declared codes only", "ctx.refuse(code, …)"),
    "With": ("with", "it hides calls", "call the kit's function"),
    "Global": ("global", "nothing outlives an act but records", "ctx.write"),
    "Nonlocal": ("nonlocal", "nothing outlives an act but records", "ctx.write"),
    "Delete": ("del", "values stay as they are", "a comprehension without it"),
    "Match": ("match", "class patterns read attributes", "if and elif"),
    "Lambda": ("lambda", "calls must be seen", "a function; key= may"),
    "Yield": ("yield", "a generator keeps a frame alive", "return a list"),
    "YieldFrom": ("yield", "a generator keeps a frame alive", "return a list"),
    "Await": ("await", "rules run in one piece", "a plain function"),
    "AsyncFunctionDef": ("async", "rules run in one piece", "a plain function"),
    "AsyncFor": ("async", "rules run in one piece", "a plain for"),
    "AsyncWith": ("async", "rules run in one piece", "a plain call"),
    "NamedExpr": (":=", "it binds names out of sight", "an assignment of its own"),
    "JoinedStr": ("f-string", "formatting reaches attributes", '"-".join((a, str(b)))'),
    "Set": ("set", "its order is chance", "a list or dict"),
    "SetComp": ("set", "its order is chance", "a list or dict"),
    "GeneratorExp": ("generator", "it keeps a frame", "sum(… for …) and the like"),
    "Starred": ("*", "its length is not seen", "name each"),
    "FunctionDef": ("nested def", "calls must be seen", "a function of the file"),
    "ClassDef": ("nested class", "classes stand at the top", "a class of the file"),
    "TypeAlias": ("type", "older Pythons lack it", "Name = Annotated[…]"),
}  # fmt: skip

ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
TESTS: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot)
MEMBERSHIP: Final = (ast.In, ast.NotIn)
OPERATOR_FIXES: Final = {
    "Div": "// and, for one rounding at the end, the kit's divide_half_up",
    "Pow": "write the number out, or multiply",
    "LShift": "multiply",
}
