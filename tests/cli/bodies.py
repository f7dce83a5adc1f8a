"""One complete body an act, and the facts that a screen reads it by."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cli.trust import find_installed
from ledger.transactions import build_payload

DAY = "2031-03-02"
MOMENT_MS = 1_930_000_000_123


def hash_of(text: str) -> str:
    """Return a stable hash."""
    return sha256(text.encode()).hexdigest()


R, OFFER, A, E = (
    hash_of(name) for name in ("receivable", "offer", "account", "receipt")
)
ALPHA, BUYER, LENDER, BANK = (hash_of(name) for name in ("al", "bu", "le", "ba"))
TERMS = {
    "deductions": [
        {"amount_minor": 100, "document": hash_of("tax"), "type": "withholding_tax"}
    ],
    "due_date": DAY,
    "gross_minor": 10_000_100,
}
INVOICE = {
    "amount_minor": 10_000_200,
    "issue_date": "2031-01-02",
    "number": "INV 7 A",
    "used_minor": 10_000_100,
}
SUBMIT = {
    "document": hash_of("invoice.xml"),
    "invoices": [INVOICE],
    "linked": True,
    "programme": hash_of("programme"),
    "supplier": ALPHA,
    "terms": TERMS,
}
UNDERTAKEN = {
    "delivery": hash_of("goods receipt"),
    "different": [hash_of("other invoice")],
    "reason": "season",
}
INPUT = {"hi": 9_000_000, "lo": 1_000_000, "receivable": R, "rev": 7}
GIVING = {
    "document": hash_of("trade"),
    "input": INPUT,
    "part": {"hi": 5_000_000, "lo": 2_000_000},
    "purpose": "goods of order 7",
    "receivable": R,
    "receiver": LENDER,
    "recourse": "with",
}
PRICE = {
    "input": INPUT,
    "pay_by_ms": MOMENT_MS,
    "price_minor": 8_100_000,
    "receivable": R,
    "way": "account",
}
KEY = {
    "duties": ["admin", "checker", "maker"],
    "person": hash_of("person"),
    "proof": hash_of("p") + hash_of("q"),
    "public": hash_of("public"),
}
POLICY = {
    "approvals": [
        {
            "action": "give",
            "bands": [{"persons": 1, "up_to_minor": 5_000_000}, {"persons": 2}],
            "currency": "CNY",
        },
        {"action": "any", "bands": [{"persons": 2}]},
    ],
    "offset_minutes": 480,
}
ENTRY = {
    "amount_minor": 4_200,
    "booking_date": DAY,
    "charges_minor": 7,
    "currency": "CNY",
    "end_to_end": "AL123-001",
    "key": "S1/1",
    "original": "S1/0",
    "payer": BUYER,
    "reference": "INV 7",
    "type": "receipt",
    "value_date": DAY,
}
STATUS = {"member": ALPHA, "operator": BANK, "reason": "unpaid fees"}
PAYEE = {"attester": BANK, "commitment": hash_of("c"), "currency": "CNY"}

QUOTED = {
    "aware_overdue": False,
    "basis": "act365f",
    "discount_minor": 31_000,
    "fees": [{"amount_minor": 7, "name": "platform", "payee": BANK, "payer": "seller"}],
    "from_date": "2031-01-05",
    "method": "true_discount",
    "net_minor": 2_968_993,
    "pay_by_ms": MOMENT_MS,
    "price_minor": 2_969_000,
    "rate_ppm": 45_000,
    "recourse": "without",
    "way": "direct",
}
AUTHORITY = {
    "authority": "Intermediate Court",
    "document": hash_of("order"),
    "guardian": LENDER,
    "placer": BANK,
    "reference": "(2031) 7",
}
ELSEWHERE = {"commitment": hash_of("court's account"), "payee": "Court cashier"}
BODIES: dict[str, dict[str, Any]] = {
    "account.successor": {"account": A, "attester": BANK, "guardian": LENDER},
    "dispute.extend": {
        "case": {
            "court": "District Court",
            "document": hash_of("claim"),
            "reference": "3 O 4/31",
        },
        "dispute": hash_of("dispute"),
        "order": AUTHORITY,
        "until_ms": MOMENT_MS,
    },
    "dispute.open": {
        "amount_minor": 4_200,
        "document": hash_of("complaint"),
        "receivable": R,
        "tile": {"hi": 9_000_000, "lo": 1_000_000, "rev": 7},
    },
    "dispute.withdraw": {"dispute": hash_of("dispute")},
    "freeze.order": {
        "account": A,
        "amount_minor": 4_200,
        "cover": "amount",
        "currency": "CNY",
        "hi": 5_000_000,
        "lo": 2_000_000,
        "member": ALPHA,
        "order": AUTHORITY,
        "pledged": False,
        "rank": 2,
        "receipt": E,
        "receivable": R,
        "redirect": ELSEWHERE,
        "until_ms": MOMENT_MS,
    },
    "insolvency.declare": {
        "administrator": ELSEWHERE,
        "disposal": False,
        "effective_ms": MOMENT_MS,
        "member": ALPHA,
        "order": AUTHORITY,
        "pledged": True,
        "rank": 5,
    },
    "order.release": {"ending": AUTHORITY, "order": hash_of("freeze")},
    "receivable.close": {"holders": [ALPHA, LENDER], "receivable": R},
    "receivable.reduce": {
        "amount_minor": 4_200,
        "dispute": hash_of("dispute"),
        "document": hash_of("credit note"),
        "order": AUTHORITY,
        "parts": [{"hi": 5_000_000, "lo": 2_000_000, "rev": 7, "units_minor": 900}],
        "receivable": R,
    },
    "account.open": {
        "attester": BANK,
        "closed_date": DAY,
        "commitment": hash_of("c"),
        "currency": "CNY",
        "mandate": {"document": hash_of("m"), "limit_minor": 99, "until": DAY},
        "message": "camt_053",
        "opening_minor": 12,
        "owner": LENDER,
    },
    "bank.close": {
        "account": A,
        "attester": BANK,
        "closing_minor": 120,
        "date": DAY,
        "file_hash": hash_of("file"),
        "no_movement": False,
    },
    "bank.hold": {"document": hash_of("why"), "receipt": E, "until": DAY},
    "bank.match": {
        "amount_minor": 50,
        "receipt": E,
        "receivable": R,
        "vouched_by": BANK,
    },
    "bank.record": {
        "account": A,
        "attester": BANK,
        "entries": [ENTRY, {**ENTRY, "key": "S1/2", "type": "charge"}],
        "file_hash": hash_of("file"),
        "message": "camt_053",
    },
    "bank.return": {"amount_minor": 50, "receipt": E, "source": "suspense"},
    "deal.cancel": {"deal": hash_of("deal")},
    "deal.register": {
        "change": "discharged",
        "date": DAY,
        "deal": hash_of("deal"),
        "number": "2031-78",
        "registry": "central register",
    },
    "deal.received": {
        "deal": hash_of("deal"),
        "received_minor": 2_968_968,
        "shortfall": {"amount_minor": 25, "reason": "bank charges"},
    },
    "holding.redeem": {**PRICE, "part": GIVING["part"]},
    "holding.repurchase": {**PRICE, "part": GIVING["part"], "way": "direct"},
    "calendar.publish": {
        "calendar": "default",
        "guardian": LENDER,
        "operator": BANK,
        "weekend": [5, 6],
        "years": [
            {
                "holidays": ["2031-01-01", "2031-01-02"],
                "workdays": ["2031-01-04"],
                "year": 2031,
            },
            {"holidays": ["2032-01-01"], "workdays": ["2032-01-03"], "year": 2032},
        ],
    },
    "grant.end": {
        "grant": hash_of("grant"),
        "guardian": LENDER,
        "member": ALPHA,
        "operator": BANK,
    },
    "grant.give": {
        "auditor": LENDER,
        "covers": "member",
        "document": hash_of("engagement"),
        "guardian": LENDER,
        "member": ALPHA,
        "operator": BANK,
        "subject": ALPHA,
        "until_ms": MOMENT_MS,
    },
    "key.add": {"key": KEY, "member": ALPHA},
    "key.compromised": {"key": hash_of("key"), "member": ALPHA, "since_height": 5},
    "key.revoke": {
        "compromised_since_height": 5,
        "key": hash_of("key"),
        "member": ALPHA,
    },
    "ledger.tick": {"member": ALPHA},
    "member.admit": {
        "guardian": LENDER,
        "member": {
            "group": "north",
            "identifiers": [{"scheme": "LEI", "value": "549300X"}],
            "keys": [KEY],
            "name": "Zürich 株式会社",
            "policy": POLICY,
            "roles": ["lender", "supplier"],
        },
        "operator": BANK,
    },
    "member.resume": STATUS,
    "member.suspend": STATUS,
    "offer.accept": {
        "aware_overdue": False,
        "offer": OFFER,
        "part": {"hi": 5_000_000, "lo": 2_000_000},
        "receivable": R,
    },
    "offer.decline": {"offer": OFFER},
    "offer.withdraw": {"offer": OFFER},
    "discrepancy.clear": {
        "account": A,
        "discrepancy": hash_of("misfit"),
        "end_to_end": "AL1",
        "net_minor": -90,
        "original": "S1/0",
        "outcome": "apply",
    },
    "mandate.set": {
        "account": A,
        "document": hash_of("m"),
        "limit_minor": 99,
        "until": DAY,
    },
    "mandate.withdraw": {"account": A, "document": hash_of("m")},
    "payout.request": {"account": A, "payee": ALPHA},
    "payto.answer": {"agrees": False, "holder": ALPHA, "payto": hash_of("payto")},
    "payto.propose": {
        "account": A,
        "document": hash_of("notice"),
        "receivable": R,
        "until_ms": MOMENT_MS,
    },
    "payout.status": {
        "account": A,
        "attester": BANK,
        "file_hash": hash_of("file"),
        "statuses": [{"end_to_end": "AL1", "reason": "AC04", "status": "rejected"}],
    },
    "receivable.misdirected": {
        "amount_minor": 50,
        "document": hash_of("proof"),
        "paid_date": DAY,
        "receivable": R,
        "recipient": ALPHA,
        "reporter": BUYER,
    },
    "payment.advise": {
        "account": A,
        "payer": BUYER,
        "rows": [
            {"amount_minor": 60_000, "receivable": R},
            {"amount_minor": 40_000, "receivable": hash_of("other receivable")},
        ],
        "until_ms": MOMENT_MS,
    },
    "payout.instruct": {"account": A, "payouts": [hash_of("y1"), hash_of("y2")]},
    "payout_account.register": {**PAYEE, "member": ALPHA},
    "payout_account.verify": {**PAYEE, "member": ALPHA},
    "payout_account.veto": {"currency": "CNY", "member": ALPHA},
    "policy.set": {"from_time": MOMENT_MS, "member": ALPHA, "policy": POLICY},
    "programme.new": {
        "account": A,
        "calendar": "default",
        "charges_to": "payee",
        "confirm_days": 10,
        "convention": "following",
        "currency": "CNY",
        "day_basis": "value",
        "debtor": BUYER,
        "debtor_max_minor": 10**11,
        "disclosure": hash_of("d"),
        "dispute_days": 20,
        "documents": ["confirmation", "transfer"],
        "early_payment": "refused",
        "own_account": True,
        "exposure_max_minor": 10**10,
        "fees": [
            {
                "fixed_minor": 500,
                "name": "handling",
                "payee": LENDER,
                "payer": "seller",
                "ppm": 1000,
            }
        ],
        "forum": "arbitration",
        "grace_days": 3,
        "late_basis": "act360",
        "late_close_days": 4,
        "late_from": "due",
        "late_ppm": 60_000,
        "law": "law of the forum",
        "lenders": [LENDER],
        "name": "Programme 1",
        "offset_minutes": 480,
        "order": "principal_first",
        "part_min_minor": 100,
        "payout_days": 40,
        "payout_min_minor": 1000,
        "preset": "cn_2025",
        "recall_days": 3,
        "record_days": 2,
        "recourse_days": 15,
        "recourse_price": "face",
        "recourse_trigger": "overdue",
        "registration": True,
        "replaces": hash_of("old programme"),
        "settlement_account": A,
        "suppliers": [ALPHA],
        "suspense_days": 60,
        "tenor_cap_days": 365,
        "tenor_norm_days": 180,
        "tolerance_days": 5,
        "tolerance_minor": 30,
        "transfer_max": 8,
        "undertaking": "absolute",
        "undertaking_text": hash_of("u"),
    },
    "recovery.start": {
        "document": hash_of("identity check"),
        "ends": [hash_of("key")],
        "guardian": LENDER,
        "keys": [KEY],
        "member": ALPHA,
        "operator": BANK,
    },
    "recovery.veto": {"member": ALPHA},
    "role.grant": {
        "guardian": LENDER,
        "member": ALPHA,
        "operator": BANK,
        "reason": "licence seen",
        "roles": ["lender", "supplier"],
    },
    "role.remove": {
        "guardian": LENDER,
        "member": ALPHA,
        "operator": BANK,
        "reason": "licence ended",
        "roles": ["lender"],
    },
    "receipt.reverse": {
        "account": A,
        "amount_minor": 77,
        "attester": BANK,
        "booking_date": DAY,
        "file_hash": hash_of("file"),
        "key": "S9/1",
        "receipt": E,
    },
    "receivable.accept": {
        "face_minor": 10_000_000,
        "linked": True,
        "reason": "late",
        "receivable": R,
        "terms": TERMS,
    },
    "receivable.cancel": {"receivable": R},
    "receivable.confirm": {
        "face_minor": 10_000_000,
        "linked": True,
        "receivable": R,
        "terms": TERMS,
        **UNDERTAKEN,
    },
    "receivable.counter": {
        "party": "debtor",
        "receivable": R,
        "terms": TERMS,
        **UNDERTAKEN,
    },
    "receivable.decline": {"receivable": R},
    "receivable.issue": {**SUBMIT, **UNDERTAKEN},
    "receivable.merge": {
        "left": INPUT,
        "receivable": R,
        "right": {**INPUT, "hi": 9_500_000, "lo": 9_000_000},
    },
    "receivable.offer": {**GIVING, "until_ms": MOMENT_MS},
    "receivable.pay_early": {"receivable": R},
    "receivable.reject": {"receivable": R},
    "receivable.split": {
        "cuts": [2_000_000, 3_000_000],
        "input": INPUT,
        "receivable": R,
    },
    "receivable.submit": SUBMIT,
    "receivable.transfer": {**GIVING, "aware_overdue": True},
    "receivable.cancel_live": {"receivable": R},
    "receivable.waive": {
        "interest_minor": 12,
        "principal_minor": 34,
        "receivable": R,
    },
    "recourse.call": PRICE,
    "sale.quote": {
        "part": GIVING["part"],
        "price": QUOTED,
        "receivable": R,
        "request": hash_of("request"),
        "seller": ALPHA,
        "until_ms": MOMENT_MS,
    },
    "sale.request": {
        "input": INPUT,
        "lenders": [LENDER, BANK],
        "part": GIVING["part"],
        "receivable": R,
        "until_ms": MOMENT_MS,
    },
    "sale.take": {
        "buyer": LENDER,
        "input": INPUT,
        "part": GIVING["part"],
        "price": QUOTED,
        "quote": hash_of("quote"),
        "receivable": R,
        "registration": {
            "date": DAY,
            "number": "2031/77",
            "registry": "central register",
            "search": hash_of("search"),
        },
    },
}

FACTS: dict[str, Any] = {
    "records": [
        {"currency": "CNY", "id": A, "kind": "account"},
        {
            "currency": "CNY",
            "id": hash_of("deal"),
            "kind": "deal",
            "payee": ALPHA,
            "payer": LENDER,
            "purpose": "sale",
            "receivable": R,
        },
        {"id": ALPHA, "kind": "member", "name": "SME Alpha"},
        {"id": BUYER, "kind": "member", "name": "Core Buyer"},
        {
            "currency": "CNY",
            "giver": ALPHA,
            "id": OFFER,
            "kind": "offer",
            "receiver": LENDER,
            "recourse": "without",
        },
        {
            "account": A,
            "currency": "CNY",
            "debtor": BUYER,
            "id": hash_of("programme"),
            "kind": "programme",
            "name": "Programme 1",
        },
        {"account": A, "id": E, "kind": "receipt"},
        {
            "adjusted_date": DAY,
            "currency": "CNY",
            "debtor": BUYER,
            "due_date": DAY,
            "id": R,
            "kind": "receivable",
            "state": "live",
            "supplier": ALPHA,
        },
        {"amount_minor": 10, "id": hash_of("y1"), "kind": "payout", "payee": ALPHA},
    ],
    "signers": [],
}


def payload_of(act: str, body: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """Return a payload of an act under the installed rule."""
    given: dict[str, Any] = {
        "act": act,
        "body": BODIES[act] if body is None else body,
        "by": [ALPHA],
        "chain": hash_of("chain"),
        "nonce": "ab" * 16,
        "not_after": MOMENT_MS,
        "rule": find_installed(act)[0],
        **fields,
    }
    return build_payload(**given)
