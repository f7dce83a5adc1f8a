"""The meter, and the builtins and operators that rules get instead of C's own.

A unit is about one step as written in the source: calls of ``charge`` are put
into the syntax tree at each function entry and each turn of a loop, so the
units are the same on every Python. What one step can make C do without bound
(sort, join, compare, copy) is charged here by length, before it is done
wherever it could be long.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sized
from datetime import date, timedelta
from functools import partial
from itertools import chain
from types import TracebackType
from typing import Any, Final, NoReturn

INTEGER_MAX: Final = 2**128
INTEGER_MIN: Final = -INTEGER_MAX
KEY_INTEGER_MAX: Final = 2**61 - 2  # up to here Python's hash is the number itself
TEXT_CHARACTERS_MAX: Final = 65_536
DIGITS_MAX: Final = 128
LEVELS_MAX: Final = 16
TEXT_SHIFT: Final = 6  # 64 characters are copied or compared in one step's time
OBJECT_UNITS: Final = 20


class Shared(dict[str, Any]):
    """A record, or an object in one, that all may read and nobody can change."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("what is shared is copied before it is changed")

    __delitem__ = __ior__ = __setitem__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def share(value: Any) -> Any:
    """Return a copy of JSON data that nobody can change."""
    if type(value) is dict:
        return Shared(
            {
                name: item if type(item) in _SCALARS else share(item)
                for name, item in value.items()
            }
        )
    return tuple([share(item) for item in value]) if type(value) is list else value


_FIXED: Final = frozenset((int, bool, type(None), date, timedelta))
_SCALARS: Final = _FIXED | {str}
_CONTAINERS: Final[tuple[type[Any], ...]] = (
    *(list, tuple, dict),
    *(type({}.keys()), type({}.values()), type({}.items())),
)
_SIZED: Final = frozenset((*_CONTAINERS, Shared, str, range))
_ABSENT: Final = object()


class OutOfGas(BaseException):
    """The units are used up, or no meter is open; no ``except Exception`` sees it."""


def _open_counter() -> tuple[Callable[[int], int], Callable[[int], int]]:
    left = -1  # no meter is open: the first charge refuses

    def charge(units: int) -> int:
        """Take units off the open meter.

        It stays overdrawn, so whatever runs on is stopped at its next step.

        Args:
            units: steps, 0 or more.

        Returns:
            0, which makes the call a condition or the reset of a count.

        Raises:
            OutOfGas: fewer units are left, or no meter is open.
        """
        nonlocal left
        left -= units
        if left < 0:
            raise OutOfGas
        return 0

    def exchange(units: int) -> int:
        nonlocal left
        left, before = units, left
        return before

    return charge, exchange


# A closure's cell is the cheapest counter Python has; there is one, because
# rules run in one thread at a time.
charge, _exchange = _open_counter()


class Meter:
    """A number of units that one act or job may use.

    Attributes:
        limit: units at the start.
        left: units left when ``metered`` was last left; below 0 if overdrawn.
    """

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        """Fill the meter."""
        self.limit = limit
        self.left = limit

    @property
    def used(self) -> int:
        """Units used so far; the limit when overdrawn."""
        return self.limit - max(self.left, 0)

    def extend(self, units: int) -> None:
        """Add units; only while the meter is not open."""
        self.limit += units
        self.left += units


class metered:  # noqa: N801 - reads as what it does: with metered(meter)
    """What runs inside is charged to the meter.

    It may be entered again with the same meter, and inside another one, which
    is then not charged.

    Raises:
        OutOfGas: at the end, if the meter is overdrawn and nothing else was
            raised: an exhausted act never counts as done.
    """

    __slots__ = ("_meter", "_outer")

    def __init__(self, meter: Meter) -> None:
        """Remember the meter."""
        self._meter = meter
        self._outer = -1

    def __enter__(self) -> Meter:
        """Open the meter."""
        self._outer = _exchange(self._meter.left)
        return self._meter

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it and reopen the one around."""
        self._meter.left = _exchange(self._outer)
        if kind is None and self._meter.left < 0:
            raise OutOfGas


# --- what single operators cost ------------------------------------------------


def check_result(value: Any) -> Any:
    """Return the result of an arithmetic expression, within its bounds.

    Raises:
        OverflowError: a number of more than 128 bits.
        ValueError: a text over the bound.
        TypeError: neither number, text, list, tuple nor date.
    """
    if type(value) is int:
        if INTEGER_MIN <= value <= INTEGER_MAX:
            return value
        raise OverflowError("numbers have at most 128 bits")
    return _check_other(value)


def _check_other(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        charge(1 + (len(value) >> TEXT_SHIFT))
        return _check_text(value)
    if kind is list or kind is tuple:
        charge(1 + len(value))
        return value
    if kind in _SCALARS and value is not None:
        return value
    raise TypeError("arithmetic is for numbers, + also for texts, lists and tuples")


def _check_text(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"texts have at most {TEXT_CHARACTERS_MAX} characters")
    return text


def add_to(target: Any, value: Any) -> Any:
    """Return what ``target += value`` leaves in the target.

    Raises:
        OverflowError, ValueError, TypeError: as ``check_result``.
    """
    if type(target) is int:
        total = target + value
        if type(total) is int and INTEGER_MIN <= total <= INTEGER_MAX:
            return total
    elif type(target) is list:
        if type(value) is not list and type(value) is not tuple:
            raise TypeError("a list grows by a list or tuple")
        charge(1 + len(value))
        target += value
        return target
    return check_result(target + value)


def weigh(value: Any) -> Any:
    """Return the value after charging what comparing it can cost.

    Raises:
        ValueError: nested more than 16 levels deep.
    """
    kind = type(value)
    if kind is int or value is None or kind is bool:
        return value
    if kind is str:
        units = len(value) >> TEXT_SHIFT
        if units:
            charge(units)
        return value
    _weigh_tree(value)
    return value


def _weigh_tree(value: Any) -> None:
    # Every path is walked, because a comparison walks every path: lists that
    # hold one list twice, thirty levels deep, have a thousand million of them.
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, _CONTAINERS):
            if level == LEVELS_MAX:
                raise ValueError(f"data has at most {LEVELS_MAX} levels")
            charge(4 + len(item))
            parts: Iterable[Any] = item
            if isinstance(item, dict):
                parts = chain(item.keys(), item.values())
            waiting += [(part, level + 1) for part in parts if type(part) is not int]
        elif type(item) is str:
            charge(len(item) >> TEXT_SHIFT)
        elif type(item) not in _SCALARS:
            charge(OBJECT_UNITS)


def check_key(value: Any) -> Any:
    """Return a value that may be a key or index.

    Raises:
        TypeError: neither text, number, truth value, None, date nor a flat
            tuple of those.
        OverflowError: a number whose hash could be made to collide.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None or kind is date:
        return value
    if kind is int:
        if -KEY_INTEGER_MAX <= value <= KEY_INTEGER_MAX:
            return value
        raise OverflowError("numbers in keys have at most 60 bits")
    if kind is not tuple:
        raise TypeError("keys are texts, numbers, dates and flat tuples of them")
    charge(len(value))
    for part in value:
        if type(part) is tuple:
            raise TypeError("tuples in keys are flat")
        check_key(part)
    return value


def contains(items: Any, item: Any) -> bool:
    """Return whether the item is in the items."""
    kind = type(items)
    if kind is dict or kind is Shared:
        return check_key(item) in items
    if kind is str:
        charge(1 + (len(items) >> TEXT_SHIFT))
        return item in items
    weigh(item)
    if kind is not range or type(item) is not int:
        charge_length(items)
        if type(item) not in _SCALARS:
            _weigh_tree(items)
    return item in items


def charge_turns(items: Any, units: int) -> Any:
    """Return what a comprehension without calls is about to walk through.

    Args:
        items: cannot change meanwhile, since nothing is called.
        units: steps a turn.
    """
    if type(items) in _SIZED:
        charge(len(items) * units)
        return items
    return _count_turns(items, units)


def _count_turns(items: Iterable[Any], units: int) -> Iterator[Any]:
    for item in items:
        charge(units)
        yield item


def spread(items: Any) -> Any:
    """Return items that are about to be copied into a display."""
    charge_length(items)
    return items


def cut(items: Any, low: Any, high: Any, step: Any) -> Any:
    """Return ``items[low:high:step]``.

    Raises:
        TypeError: neither text, list nor tuple.
    """
    kind = type(items)
    if kind is not str and kind is not list and kind is not tuple:
        raise TypeError("slices are for texts, lists and tuples")
    length = len(range(*slice(low, high, step).indices(len(items))))
    charge(1 + (length >> TEXT_SHIFT if kind is str else length))
    return items[low:high:step]


def join(separator: Any, texts: Any) -> str:
    """Return ``separator.join(texts)``.

    Raises:
        TypeError: something is not a text.
        ValueError: the result is over the bound.
    """
    if type(separator) is not str:
        raise TypeError("join is for texts")
    parts = metered_list(texts)
    length = sum(map(len, parts)) + len(separator) * len(parts)
    charge(length >> TEXT_SHIFT)
    if length > TEXT_CHARACTERS_MAX + len(separator):
        raise ValueError(f"texts have at most {TEXT_CHARACTERS_MAX} characters")
    return separator.join(parts)


# --- builtins --------------------------------------------------------------------


def charge_length(items: object) -> None:
    """Charge the length of what a builtin is about to walk through.

    What has no length is an iterator: a generator expression is charged turn
    by turn, the others where they were made.
    """
    if type(items) in _SIZED or isinstance(items, Sized):
        charge(1 + len(items))  # type: ignore[arg-type]


def metered_list(items: Iterable[Any] = ()) -> list[Any]:
    """Return ``list(items)``."""
    charge_length(items)
    return list(items)


def metered_tuple(items: Iterable[Any] = ()) -> tuple[Any, ...]:
    """Return ``tuple(items)``."""
    charge_length(items)
    return tuple(items)


def metered_dict(items: Any = (), **named: Any) -> dict[Any, Any]:
    """Return ``dict(items, **named)``; for the kit."""
    charge_length(items)
    return dict(items, **named)


def metered_int(value: Any = 0, base: int = 10) -> int:
    """Return a whole number.

    Raises:
        ValueError: the text is no plain number of at most 128 digits.
        TypeError: neither text nor whole number.
    """
    if type(value) is str:
        digits = value.removeprefix("-")
        if len(digits) > DIGITS_MAX or not (digits.isascii() and digits.isalnum()):
            raise ValueError("a number is written in plain digits")
        return int(value, base)
    if isinstance(value, int):
        return int(value)
    raise TypeError("int takes texts and whole numbers")


def metered_str(value: Any = "") -> str:
    """Return the text of a text, whole number, truth value or date.

    Raises:
        TypeError: of anything else; its text may differ between machines.
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return str(check_result(value))
    if type(value) is bool:
        return "True" if value else "False"
    if type(value) is date:
        return value.isoformat()
    raise TypeError("str takes texts, whole numbers, truth values and dates")


def metered_sum(items: Iterable[Any], start: int = 0) -> int:
    """Return the sum of whole numbers.

    Raises:
        TypeError: something is no whole number.
        OverflowError: more than 128 bits.
    """
    if type(start) is not int:
        raise TypeError("sum adds whole numbers")
    charge_length(items)
    total = builtins.sum(items, start)
    if type(total) is not int:
        raise TypeError("sum adds whole numbers")
    checked: int = check_result(total)
    return checked


def _charge_keys(keys: list[Any], rounds: int) -> None:
    # Types and lengths are gathered at the speed of C, column by column; only
    # unusual keys are walked.
    kinds = set(map(type, keys))
    if kinds == {tuple} and len(set(map(len, keys))) == 1:
        width = len(keys[0])
        flat = list(chain.from_iterable(keys))
        charge(len(flat) >> 2)
        for column in range(width):
            _charge_keys_flat(flat[column::width], rounds)
    else:
        _charge_keys_flat(keys, rounds)


def _charge_keys_flat(keys: list[Any], rounds: int) -> None:
    kinds = set(map(type, keys))
    if kinds == {str}:
        charge(rounds * (sum(map(len, keys)) >> TEXT_SHIFT))
    elif not kinds <= _FIXED:
        for key in keys:
            _weigh_tree(key)


def metered_sorted(
    items: Iterable[Any],
    *,
    key: Callable[[Any], Any] | None = None,
    reverse: bool = False,
) -> list[Any]:
    """Return ``sorted(items)``, charged by length and size of the keys."""
    values = metered_list(items)
    rounds = len(values).bit_length()
    charge(len(values) * (rounds + 2 if key is None else rounds + 4) >> 1)
    if key is None:
        _charge_keys(values, rounds)
        return builtins.sorted(values, reverse=reverse)
    keys = [key(value) for value in values]
    _charge_keys(keys, rounds)
    # `sorted` asks once for each value, in order: the next key is the one, and
    # the value itself, taken for the default of `next`, is never needed.
    return builtins.sorted(values, key=partial(next, iter(keys)), reverse=reverse)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def metered_extreme(
        *items: Any, key: Callable[[Any], Any] | None = None, default: Any = _ABSENT
    ) -> Any:
        """Return the least or greatest, charged by length and size."""
        if len(items) == 2 and key is None and type(items[0]) is type(items[1]) is int:
            charge(2)
            return choose(items)
        values = metered_list(items[0]) if len(items) == 1 else items
        charge(len(values) * (1 if key is None else 3))
        if not values and default is not _ABSENT:
            return default
        if key is None:
            for value in values:
                weigh(value)
            return choose(values)
        keys = [key(value) for value in values]
        _charge_keys(keys, 1)
        return values[choose(range(len(keys)), key=keys.__getitem__)]

    return metered_extreme


def metered_any(items: Iterable[Any]) -> bool:
    """Return ``any(items)``."""
    charge_length(items)
    return any(items)


def metered_all(items: Iterable[Any]) -> bool:
    """Return ``all(items)``."""
    charge_length(items)
    return all(items)


def metered_enumerate(items: Iterable[Any], start: int = 0) -> Iterable[Any]:
    """Return ``enumerate(items)``."""
    charge_length(items)
    return enumerate(items, start)


def metered_zip(*rows: Iterable[Any], strict: bool = False) -> Iterable[Any]:
    """Return ``zip(*rows)``, charged by the shortest row."""
    charge(1 + min((len(row) for row in rows if isinstance(row, Sized)), default=0))
    return zip(*rows, strict=strict)


def metered_reversed(items: Any) -> Any:
    """Return ``reversed(items)``."""
    charge_length(items)
    return reversed(items)


RULE_BUILTINS: Final[dict[str, Any]] = {
    "__build_class__": builtins.__build_class__,
    "abs": abs,
    "all": metered_all,
    "any": metered_any,
    "bool": bool,
    "dict": dict,
    "enumerate": metered_enumerate,
    "int": int,
    "len": len,
    "list": list,
    "max": _extreme(max),
    "min": _extreme(min),
    "object": object,
    "range": range,
    "reversed": metered_reversed,
    "sorted": metered_sorted,
    "str": str,
    "sum": metered_sum,
    "tuple": tuple,
    "zip": metered_zip,
}

_KIT_EXTRA: Final = (
    "callable chr classmethod divmod isinstance issubclass iter next ord property "
    "staticmethod super type ArithmeticError AttributeError Exception IndexError "
    "KeyError LookupError NotImplemented NotImplementedError OverflowError "
    "RuntimeError TypeError ValueError ZeroDivisionError"
)
KIT_BUILTINS: Final[dict[str, Any]] = {
    **RULE_BUILTINS,
    **{name: getattr(builtins, name) for name in _KIT_EXTRA.split()},
}

# Names that no source can spell; the injection puts them into the tree.
INJECTED: Final[dict[str, Any]] = {
    "@add_to": add_to,
    "@check": check_result,
    "@contains": contains,
    "@cut": cut,
    "@dict": metered_dict,
    "@gas": charge,
    "@int": metered_int,
    "@join": join,
    "@key": check_key,
    "@list": metered_list,
    "@spread": spread,
    "@str": metered_str,
    "@tuple": metered_tuple,
    "@turns": charge_turns,
    "@weigh": weigh,
}
