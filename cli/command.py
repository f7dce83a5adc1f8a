"""How a command is declared: what is typed, and the act that it becomes.

Arguments have types of ``cli.typed``: each is checked before a node is asked, and
looked up before the function runs. What the function returns is the body of the
act, as the screen and the rule will see it::

    @dispute.command("withdraw")
    @argument("dispute", an_id("dispute"))
    @signs("dispute.withdraw")
    def withdraw(_: Lookup, dispute: JSONObject) -> JSONObject:
        return {"dispute": dispute}

In a body a record stands for its id, and None for a field that is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import click

from cli.lookup import Lookup
from cli.session import Session, with_node, with_signing
from cli.typed import Asked
from ledger.encoding import JSONObject

Run = Callable[..., Any]


class Act(NamedTuple):
    """What a user asks for.

    Attributes:
        act: name of the act.
        body: of the act.
        facts: records that say what the ids in the body stand for.
    """

    act: str
    body: JSONObject
    facts: Sequence[JSONObject] = ()


def signs(
    act: str = "", check: Run | None = None, then: Run | None = None
) -> Callable[[Run], Run]:
    """Return a decorator: the function's body, or list of bodies, is signed and sent.

    The function gets a ``Lookup`` and what was typed.

    Args:
        act: name of the act; without it the function returns an ``Act``.
        check: refuses what was typed before anything is looked up.
        then: tells what a body led to, once it is sent.
    """

    def decorate(function: Run) -> Run:
        def run(lookup: Lookup, **found: Any) -> None:
            made = function(lookup, **found)
            bodies = made if type(made) is list else [made]
            acts = [make_act(lookup, act, body) if act else body for body in bodies]
            perform(lookup, *acts)
            if then is not None and lookup.session.prepare is None:
                for body in bodies:
                    then(lookup, body)

        return with_signing(_looked_up(wraps(function)(run), check))

    return decorate


def make_act(lookup: Lookup, act: str, body: JSONObject) -> Act:
    """Return an act with the facts that its screen is read by.

    They are what was looked up, and the members that the body names.
    """
    plain = as_body(body)
    return Act(act, plain, lookup.facts_of(plain))


def perform(lookup: Lookup, *acts: Act) -> None:
    """Show, sign and send acts, or prepare them; print what became of each.

    Raises:
        LedgerError: those of ``run_acts``.
    """
    # Not before it is needed: rules take longer to load than help to print.
    from cli.signing.acting import run_acts  # noqa: PLC0415

    run_acts(lookup.session, acts)


def reads(function: Run) -> Run:
    """Give a reading command a ``Lookup`` and what its typed ids stand for."""
    return with_node(_looked_up(function))


def _looked_up(function: Run, check: Run | None = None) -> Run:
    @wraps(function)
    def run(session: Session, **given: Any) -> Any:
        if check is not None:
            check(given)
        lookup = Lookup(session)
        found = {name: look_up(lookup, value) for name, value in given.items()}
        return function(lookup, **found)

    return run


def look_up(lookup: Lookup, value: Any) -> Any:
    """Return what a typed value stands for; each of several."""
    if isinstance(value, Asked):
        return value.find(lookup)
    if type(value) is tuple:
        return tuple(look_up(lookup, each) for each in value)
    return value


def as_body(value: Any) -> Any:
    """Return a body with ids in place of records, and without what is None."""
    if isinstance(value, dict):
        if {"id", "kind"} <= value.keys():
            return value["id"]
        return {name: as_body(each) for name, each in value.items() if each is not None}
    return [as_body(each) for each in value] if isinstance(value, list) else value


def argument(
    name: str, kind: click.ParamType[Any, Any], **more: Any
) -> Callable[[Run], Run]:
    """Return a click argument of a type; it is judged before any option."""
    return click.argument(name, type=kind, is_eager=True, **more)


def add_options(*options: Any) -> Callable[[Run], Run]:
    """Return a decorator that adds options in their order."""

    def add(function: Run) -> Run:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def only_with(given: dict[str, Any], *names: str) -> JSONObject:
    """Return the options of these names that were given."""
    return {name: given[name] for name in names if given[name] is not None}
