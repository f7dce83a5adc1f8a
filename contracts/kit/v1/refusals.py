"""Codes with which the kit itself refuses, for every rule that uses it."""

DEFECT = "The rules asked for a computation that has no answer: a defect of theirs."
REPORT = "Report it; nothing was changed."

# code -> kind, title, cause, fix
REFUSALS = {
    "part_locked": (
        "stale",
        "the part is locked",
        "An offer, or another lock, binds this holding.",
        "See what binds it: run: allonge inbox",
    ),
    "no_channel": (
        "unauthorised",
        "not a way to put an order on the ledger",
        "A regulator does, or an operator with a lender or regulator.",
        "Name the placer, and for an operator a --guardian.",
    ),
    "frozen": (
        "refused",
        "an order freezes these units",
        "Frozen units stay where they are until the order ends.",
        "See the order: run: allonge freeze list",
    ),
    "insolvent": (
        "refused",
        "the member is insolvent",
        "It begins no new business; its administrator is named in the order.",
        "See the order: run: allonge freeze list",
    ),
    "disputed_unaware": (
        "refused",
        "disputed, and the receiver has not said that it knows",
        "A disputed holding passes only to a receiver who signs to know.",
        "Sign with --aware if you accept it disputed.",
    ),
    "bad_cut": (
        "refused",
        "not a part of the holding",
        "The part lies outside the holding or is empty.",
        "See what you hold: run: allonge balance",
    ),
    "invoice_differs": (
        "refused",
        "the invoice is known with another amount",
        "An invoice in use has one amount for all receivables.",
        "Compare the invoice with the document's hash.",
    ),
    "invoice_overused": (
        "refused",
        "the invoice is used up",
        "Uses over all receivables never exceed the invoice's amount.",
        "Claim less with --use, or ask the debtor what it counts against it.",
    ),
    "near_duplicate": (
        "refused",
        "an invoice looks like one already used",
        "A number that differs only in form may be the same claim twice.",
        (
            "The debtor says so, in a file by its column different: "
            "run: allonge confirm RECEIVABLE --different SHA256"
        ),
    ),
    "bad_date": (
        "refused",
        "not a usable date",
        "The years that calendars reach to do not have it.",
        "Choose another date.",
    ),
    "books_negative": (
        "internal",
        "a sum of the books would be negative",
        "The change asks for more than the account's books hold.",
        "Report it; nothing was changed.",
    ),
    "no_business_day": (
        "refused",
        "no business day near the date",
        "The calendar leaves no business day where one is needed.",
        "Choose another date.",
    ),
    "bad_calendar": ("refused", "the calendar is unusable", DEFECT, REPORT),
    "bad_divisor": ("refused", "a division has no answer", DEFECT, REPORT),
    "bad_offset": ("refused", "not an offset of a zone", DEFECT, REPORT),
    "dates_reversed": ("refused", "dates in the wrong order", DEFECT, REPORT),
    "discount_over_face": ("refused", "the discount exceeds the face", DEFECT, REPORT),
    "duplicate_key": ("refused", "two shares with one key", DEFECT, REPORT),
    "negative_amount": ("refused", "a negative amount", DEFECT, REPORT),
    "no_weights": ("refused", "nothing to share on", DEFECT, REPORT),
    "unknown_basis": ("refused", "unknown day count", DEFECT, REPORT),
    "unknown_method": ("refused", "unknown way to discount", DEFECT, REPORT),
    "unknown_convention": (
        "refused",
        "unknown business-day convention",
        DEFECT,
        REPORT,
    ),
}
