"""The pure core: state and block input in, candidate block out.

No clock, no randomness, no I/O. The order of checks is the documented one,
cheap first: form, chain, window, duplicate, keys, signatures, rule, body,
suspension, declared signers, policies; then the handler, then invariants.
What fails before its handler never becomes a leaf. What its handler refuses is
dropped by a builder, and is a leaf with the refusal's code in a block that
contains it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ledger.authority import (
    ActingKey,
    DayTotal,
    Demand,
    check_demands,
    check_keys_free,
    check_not_suspended,
    find_acting_keys,
    total_id,
)
from ledger.context import Context
from ledger.encoding import JSONObject
from ledger.errors import InvariantBroken, LedgerError
from ledger.gas import Meter, OutOfGas, charge, metered
from ledger.invariants import check_layer
from ledger.kernel import MANIFEST_HASH
from ledger.keys import verify_signature
from ledger.rulebook import Rulebook
from ledger.state import Layer, State, View, key_of, read_record
from ledger.transactions import WINDOW_MS_MAX, Transaction, parse_transaction

TRANSACTION_GAS_MAX: Final = 2_000_000
# What a bank says is a fact, and an authority's order is law, however many holdings
# it is about: an entry that could not be recorded would keep its day from closing,
# for everybody; nobody cuts what it has too fine to be frozen.
ATTESTED_GAS_MAX: Final = 20_000_000
ATTESTING: Final = ("attest", "order")
BODY_GAS_MAX: Final = 1_000_000

# The bytes of a whole envelope -> its transaction, for those whose signatures
# this process has verified. A failure is never remembered.
VerifiedEnvelopes = Mapping[bytes, Transaction]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a block stands: what every check and handler is told.

    Attributes:
        height: of the block being made.
        time: its time, UTC milliseconds.
        chain: hex digest of the genesis payload.
        parameters: the chain's parameters.
        rulebook: what is active.
    """

    height: int
    time: int
    chain: str
    parameters: Mapping[str, Any]
    rulebook: Rulebook


def check_form(
    raw: bytes,
    situation: Situation,
    seen: Container[str],
    verified: VerifiedEnvelopes,
) -> Transaction:
    """Return the transaction if form, chain, window and freshness are right.

    Raises:
        LedgerError: those of ``parse_transaction``; ``wrong_chain``;
            ``expired``; ``window_too_long``; ``duplicate``.
    """
    transaction = verified.get(raw) or parse_transaction(raw)
    if transaction.chain != situation.chain:
        raise LedgerError("wrong_chain", found=transaction.chain[:16])
    if transaction.not_after < situation.time:
        raise LedgerError("expired", found=transaction.not_after)
    if transaction.not_after > situation.time + WINDOW_MS_MAX:
        raise LedgerError("window_too_long", found=transaction.not_after)
    if transaction.id in seen:
        raise LedgerError("duplicate", found=transaction.id)
    return transaction


def check_keys(
    view: View,
    transaction: Transaction,
    situation: Situation,
    verified: VerifiedEnvelopes,
) -> list[ActingKey]:
    """Return the acting keys if every signature is valid and of such a key.

    Raises:
        LedgerError: ``unknown_key``, ``wrong_signers``, ``bad_signature``.
    """
    envelope = transaction.envelope
    keys = find_acting_keys(
        view, envelope, situation.height, situation.time, transaction.by
    )
    if verified.get(envelope.raw) is not transaction:
        message = envelope.preimage
        for key, signature in zip(keys, envelope.signatures, strict=True):
            verify_signature(key.public, message, signature.value)
    return keys


def open_context(  # noqa: PLR0913 - one place opens them all
    layer: Layer,
    situation: Situation,
    source: str,
    rule: str,
    writes: frozenset[str],
    *,
    step: int = 0,
    position: int = 0,
) -> Context:
    """Return a context on a layer for one source of changes.

    Args:
        layer: what it writes to.
        situation: of the block.
        source: transaction or job id.
        rule: manifest hash that new records will name.
        writes: kinds that may be written.
        step: number of the automatic step within the block, from 0.
        position: place among the block's transactions, then its steps.
    """
    return Context(
        layer,
        time=situation.time,
        height=situation.height,
        source=source,
        rule=rule,
        parameters=situation.parameters,
        writable=writes,
        charge=charge,
        step=step,
        position=position,
    )


def parse_body(action: Any, body: JSONObject) -> Any:
    """Return the body as the action's payload model.

    Raises:
        LedgerError: ``bad_body``, naming the first field that does not fit;
            ``out_of_gas`` and ``rule_fault``, the model's own checks failed.
    """
    try:
        # A payload's own validators are kit code and run on the meter.
        with metered(Meter(BODY_GAS_MAX)):
            return action.payload.model_validate(body)
    except OutOfGas as error:
        raise LedgerError("out_of_gas", expected=BODY_GAS_MAX) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            "bad_body", expected=first["msg"], found=place, pointer=place
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        raise _as_fault(error) from error


def check_rule(view: View, transaction: Transaction, situation: Situation) -> Any:
    """Return the action of a transaction if it was signed under the right rule.

    The right rule is that of the record acted on, or the current one for acts
    that create.

    Raises:
        LedgerError: ``unknown_act``, ``rule_changed``, ``not_found`` or the
            code that the rule has for it.
    """
    rulebook = situation.rulebook
    action = rulebook.find_action(transaction.act, transaction.rule)
    expected = rulebook.current_rule(transaction.act)
    if action.on is not None:
        kind, name = action.on
        item = transaction.body.get(name)
        if not isinstance(item, str):
            raise LedgerError("bad_body", expected=name, found="no id")
        record = read_record(view, kind, item)
        if record is None:
            raise LedgerError(gone_code(action), found=f"{kind} {item[:16]}")
        expected = record["rule"]
    if transaction.rule != expected:
        raise LedgerError("rule_changed", expected=expected, found=transaction.rule)
    return action


def gone_code(action: Any) -> str:
    """Return the code where the record an act is on is not there."""
    # What has a deadline is tidied away after it; whoever comes late is told the
    # same before and after. Older kits do not say.
    return str(getattr(action, "gone", "not_found"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What must be known to sign an act.

    Attributes:
        rule: manifest hash that the payload names.
        by: the acting members, sorted.
        demands: who must sign, for which class and amount.
    """

    rule: str
    by: tuple[str, ...]
    demands: tuple[Demand, ...]


def prepare_act(
    layer: Layer, act: str, body: JSONObject, situation: Situation
) -> Prepared:
    """Return the rule and the signers an act asks for as things stand.

    Raises:
        LedgerError: ``unknown_act``, ``not_found``, ``bad_body``, and what
            the act's signers function refuses.
    """
    rule = situation.rulebook.current_rule(act)
    action = situation.rulebook.find_action(act, rule)
    if action.on is not None:
        kind, name = action.on
        record = read_record(layer, kind, str(body.get(name, "")))
        if record is None:
            raise LedgerError(gone_code(action), found=kind)
        rule = record["rule"]
        action = situation.rulebook.find_action(act, rule)
    given = parse_body(action, body)
    ctx = open_context(layer, situation, "0" * 64, rule, frozenset())
    demands: list[Demand] = []
    run_metered(
        lambda: demands.extend(action.signers(ctx, given)), Meter(TRANSACTION_GAS_MAX)
    )
    by = tuple(sorted({demand.member for demand in demands}))
    return Prepared(rule, by, tuple(demands))


def rehearse_act(
    layer: Layer, act: str, body: JSONObject, prepared: Prepared, situation: Situation
) -> None:
    """Return if an act's handler would do it, were it signed; the layer is spent.

    Raises:
        LedgerError: ``member_suspended``; the rule's refusal.
    """
    action = situation.rulebook.find_action(act, prepared.rule)
    given = parse_body(action, body)
    writes = situation.rulebook.writes_of(act, prepared.rule)
    ctx = open_context(layer, situation, "0" * 64, prepared.rule, writes)
    if action.business:
        check_not_suspended(layer, prepared.by)
    run_metered(lambda: action.apply(ctx, given), Meter(TRANSACTION_GAS_MAX))
    check_layer(layer, situation.rulebook.check_changes)


def execute_transaction(
    parent: State | Layer,
    transaction: Transaction,
    keys: Sequence[ActingKey],
    situation: Situation,
    position: int = 0,
) -> tuple[Layer, JSONObject, list[bytes]]:
    """Return the writes, receipt and events of a transaction.

    Args:
        parent: the layer of the block so far.
        transaction: parsed, its signatures verified.
        keys: the acting keys.
        situation: of the block.
        position: its place among the block's transactions, from 0.

    Raises:
        LedgerError: before its handler: ``unknown_act``, ``rule_changed``,
            ``not_found``, ``bad_body``, ``member_suspended``,
            ``wrong_signers``, ``policy_not_met`` and what the declared
            signers function refuses.
        SealableError: from its handler: the rule's refusal, ``out_of_gas``,
            ``rule_fault``, ``invariant_broken``.
    """
    layer = Layer(parent, parent.kinds)
    action = check_rule(layer, transaction, situation)
    body = parse_body(action, transaction.body)
    writes = situation.rulebook.writes_of(transaction.act, transaction.rule)
    meter = Meter(TRANSACTION_GAS_MAX)
    ctx = open_context(
        layer,
        situation,
        transaction.id,
        transaction.rule,
        writes,
        position=position,
    )
    totals = _authorise(ctx, layer, transaction, keys, situation, (action, body, meter))
    try:
        run_metered(lambda: action.apply(ctx, body), meter)
        _count_totals(layer, totals)
        check_layer(layer, situation.rulebook.check_changes)
        events, events_hash = ctx.take_events()
    except LedgerError as error:
        raise SealableError(
            error.code, expected=error.expected, found=error.found, **error.details
        ) from error
    receipt = {
        "code": "ok",
        "events": events_hash,
        "gas": meter.used,
        "tx": transaction.id,
    }
    return layer, receipt, events


class SealableError(LedgerError):
    """A refusal past authority: it may stand in a block as a leaf with its code.

    Every other failure keeps a transaction out of any block.
    """


def _authorise(
    ctx: Context,
    layer: Layer,
    transaction: Transaction,
    keys: Sequence[ActingKey],
    situation: Situation,
    step: tuple[Any, Any, Meter],
) -> list[DayTotal]:
    action, body, meter = step
    if action.business:
        check_keys_free(keys)
    demands: list[Demand] = []
    run_metered(lambda: demands.extend(action.signers(ctx, body)), meter)
    totals, ctx.alone = check_demands(
        layer, demands, transaction.by, keys, situation.time
    )
    if all(demand.action in ATTESTING for demand in demands):
        meter.extend(ATTESTED_GAS_MAX - TRANSACTION_GAS_MAX)
    return totals


def _as_fault(error: Exception) -> LedgerError:
    code = getattr(error, "code", "")
    if isinstance(code, str) and code and hasattr(error, "is_refusal"):
        return LedgerError(code)
    return LedgerError("rule_fault", found=type(error).__name__)


def run_metered(apply: Callable[[], None], meter: Meter) -> None:
    """Run a handler under a meter; only declared failures leave it.

    Raises:
        LedgerError: the refusal, ``out_of_gas``, ``rule_fault``.
        MemoryError: which stops a node or an audit, and is in no block.
    """
    try:
        with metered(meter):
            apply()
    except (LedgerError, InvariantBroken, MemoryError):
        raise  # what one machine has no room for, another one has
    except OutOfGas as error:
        raise LedgerError("out_of_gas", expected=meter.limit) from error
    except Exception as error:
        raise _as_fault(error) from error


def _count_totals(layer: Layer, totals: Sequence[DayTotal]) -> None:
    for total in totals:
        record: JSONObject = {
            "id": total_id(total.action, total.currency, total.date),
            "kind": "total",
            "rule": MANIFEST_HASH,
            "scope": total.member,
            "total_minor": total.total_minor,
        }
        layer.put(key_of(layer.kinds, record), record)
