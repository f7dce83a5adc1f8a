"""What the wallet refuses with: every code of ``cli``, as the one table has it.

A row is ``code | kind | title | cause | fix``, as ``ledger.errors.Code`` explains;
the package registers them, so that whatever is loaded knows them all.
"""

# ruff: noqa: ISC004 - a row of the table goes over several lines

from __future__ import annotations

from typing import Final

from ledger.errors import Code, register

CODES: Final = tuple(
    Code(*row.split(" | "))
    for row in (
        # -- terminal --
        "usage | malformed | the command line is not understood"
        " | A command, option or value is unknown, missing or malformed."
        " | See what can be typed: run: allonge --help",
        "declined | refused | declined"
        " | It was not confirmed; nothing was signed or sent."
        " | Run the command again and type the amount as it is shown.",
        "outcome_unknown | unavailable | the outcome is not known"
        " | It was sent and no answer came; it may be on the ledger."
        " | Ask before sending again: run: allonge receipt TRANSACTION",
        "interrupted | refused | interrupted"
        " | The command was stopped from the keyboard."
        " | Run it again; what was half done has no effect.",
        "no_terminal | malformed | nobody to ask"
        " | The command needs an answer and is not run from a terminal."
        " | Give the answer by an option; which one says: run: allonge --help",
        "bad_passphrase | malformed | not a passphrase"
        " | A passphrase is one line of UTF-8 text; a new one is typed the same twice."
        " | Type it again, or correct the file.",
        "system_error | internal | the system refused"
        " | A file or stream could not be used."
        " | Check space, permissions and the path.",
        "internal_error | internal | a defect of this software"
        " | Something happened that no one provided for; nothing is known to have "
        "been changed."
        " | Report it with what ALLONGE_DEBUG=1 prints, after taking out what is "
        "private.",
        # -- explain --
        "unknown_code | not_found | no such code"
        " | No part of this release uses a code of this name."
        " | See them all: run: allonge errors",
        # -- people --
        "wrong_id_kind | malformed | an id of another kind of thing"
        " | The first letter of an id says what it names, and this is not meant here."
        " | See what it is: run: allonge show ID",
        # -- amounts --
        "bad_amount | malformed | not an amount"
        " | The text is not digits with at most one decimal point."
        " | Write it like this: CNY 40000.00",
        "ambiguous_amount | malformed | an amount with two readings"
        " | A separator may mean thousands here and decimals elsewhere."
        " | Write it like this: CNY 40000.00",
        "currency_missing | malformed | an amount without a currency"
        " | A bare number or sign does not say what is owed."
        " | Write it like this: CNY 40000.00",
        "too_many_decimals | refused | more decimals than the currency has"
        " | An amount is a whole number of minor units; nothing is rounded."
        " | State the amount with at most the decimals the currency has.",
        "amount_too_large | too_large | over the largest amount"
        " | Amounts are bounded to 2**53 - 1 minor units."
        " | Split the claim into several receivables.",
        "other_currency | malformed | an amount in another currency"
        " | A receivable, account or payout is in one currency only."
        " | Write the amount in that currency.",
        # -- typed --
        "not_a_date | malformed | not a date"
        " | Dates are written year, month, day, and exist in the calendar."
        " | Write it like this: 2031-12-31",
        "bad_moment | malformed | not a moment"
        " | A moment is a span from now, or a date and time with its zone."
        " | Write it like this: 3d, 12h or 2031-12-31T18:00+08:00",
        "bad_hash | malformed | not a SHA-256"
        " | A hash is 64 hexadecimal digits, or @ and the name of a file to hash."
        " | Write it like this: @contract.pdf",
        # -- private --
        "file_missing | not_found | no such file"
        " | There is no file of this name."
        " | Check the path.",
        "file_unreadable | malformed | the file cannot be read"
        " | It is not a plain file, or the system refuses to open it."
        " | Check the path and who owns the file.",
        "file_exposed | unauthorised | others have access to this file"
        " | Someone else on this machine could read or exchange it."
        " | Keep it to yourself: run: chmod 600 FILE",
        "file_exists | stale | the file exists already"
        " | Keys and results are never overwritten."
        " | Choose another name, or move the old file away yourself.",
        # -- folder --
        "bad_wallet_name | malformed | not a wallet name"
        " | A name is 1 to 32 of a-z, 0-9, dash and underscore."
        " | Choose another one with --wallet.",
        "wallet_missing | not_found | no such wallet"
        " | There is no wallet of this name in the wallet folder."
        " | Make one: run: allonge wallet init",
        "wallet_exists | stale | a wallet of this name exists"
        " | A key is never overwritten."
        " | Choose another name with --wallet.",
        "wallet_damaged | malformed | the wallet's settings cannot be read"
        " | The file is missing, damaged or of another version."
        " | Put back a copy of the wallet folder; keys can be rebuilt with: run: "
        "allonge wallet restore --wallet NAME",
        "chain_pinned | untrusted | the wallet is pinned to another chain"
        " | A wallet trusts one genesis and one log key, for good."
        " | Use another wallet with --wallet, or compare the fingerprints by another "
        "channel.",
        "head_conflict | tampered | two different ledgers of one length were shown"
        " | The root at this size is not the one this wallet verified."
        " | Keep the wallet folder as evidence and ask the other members.",
        # -- keyfile --
        "weak_passphrase | refused | the passphrase is too easy to guess"
        " | Whoever copies the file can try passphrases without asking you."
        " | Use at least 12 characters, best four or more random words.",
        "test_key | unauthorised | a test key does not sign here"
        " | The key file is marked as a test key and the chain is not, or not known "
        "to be, a test chain."
        " | Make a real key: run: allonge wallet init --wallet NAME",
        # -- keyheader --
        "key_unreadable | unauthenticated | wrong passphrase, or the key file is "
        "damaged"
        " | The two cannot be told apart: only the right passphrase on the unchanged "
        "file opens it."
        " | Type it again; if it is right, rebuild the key from paper: run: allonge "
        "wallet restore --wallet NAME",
        "key_version | malformed | a key file of another version"
        " | The file was written by a newer release."
        " | Install the release that wrote it.",
        "key_cost_weak | malformed | the passphrase of this key file is too cheap to "
        "guess"
        " | Its derivation cost is below the named bound, and it is not marked as a "
        "test key."
        " | Make a new key: run: allonge wallet init --wallet NAME",
        "key_cost_high | malformed | the key file asks for too much work"
        " | Its derivation cost is over the named bound: a damaged or a planted file."
        " | Rebuild the key from paper: run: allonge wallet restore --wallet NAME",
        "bad_label | malformed | not a usable label"
        " | A label is 1 to 64 printable characters."
        " | Choose another one with --label.",
        # -- recovery --
        "bad_recovery_code | malformed | the recovery code has a mistake"
        " | A character was misread, left out or exchanged."
        " | Compare the named group with the paper and type the code again.",
        # -- connect --
        "other_genesis | untrusted | the node serves another chain"
        " | Its genesis does not have the fingerprint that was given."
        " | Compare the fingerprint with another member by telephone.",
        # -- session --
        "not_connected | malformed | the wallet knows no node, chain or member yet"
        " | A wallet trusts one chain, compared once by another channel."
        " | Connect it: run: allonge wallet connect URL --chain HASH --member MEMBER",
        # -- client --
        "node_unreachable | unavailable | the node does not answer"
        " | Nothing listens there, or the network is down; nothing was sent."
        " | Check the address with: run: allonge wallet show",
        "node_failed | unavailable | the node failed to answer"
        " | It closed the connection, or its answer is not of the agreed form."
        " | Try again, then ask the operator: run: allonge node doctor",
        "node_not_secure | malformed | the way to the node can be listened to"
        " | Away from this machine a node is reached by https only."
        " | Use an https address.",
        # -- lookup --
        "which_holding | malformed | several holdings fit"
        " | The member holds more than one part of this receivable."
        " | Name the holding as ID/START; they are listed by: run: allonge balance",
        # -- acting --
        "payload_changed | tampered | the node prepared something else"
        " | The payload does not say what was asked for; nothing was signed."
        " | Do not use this node; tell the operator and the other members.",
        # -- screen --
        "field_not_shown | malformed | a field that the screen does not show"
        " | What is not shown is not signed; this release knows no words for it."
        " | Install the release that knows this act; do not sign it elsewhere.",
        "fact_missing | incomplete | not enough is known to show this"
        " | The signing file lacks a fact without which the amount has no meaning."
        " | Prepare it again with: run: allonge --help",
        # -- signing --
        "bad_signing_file | malformed | not a signing file"
        " | The file is damaged, or no file of the kind that is signed here."
        " | Ask for it again, or prepare it anew with --prepare FILE.",
        "other_payload | malformed | these files are of different transactions"
        " | Only signatures of the very same bytes can be put together."
        " | Let all sign copies of one file.",
        # -- requests --
        "bad_request_file | malformed | not a request file"
        " | The file is damaged, or of another kind than is read here."
        " | Make it again with: run: allonge member request --help",
        "bad_policy_file | malformed | not an approval policy"
        " | A policy says per action and currency how many persons sign up to what."
        " | Its form is described by: run: allonge member policy set --help",
        # -- genesis --
        "bad_genesis_file | malformed | not a genesis to sign"
        " | The file is damaged, or no genesis of this release."
        " | Make it again with: run: allonge node init --help",
        "bad_config_file | malformed | not a configuration of a chain"
        " | A parameter is unknown or of the wrong form."
        " | The parameters are listed by: run: allonge node init --help",
        "not_a_founder | unauthorised | this key is not in the genesis"
        " | Only the keys that the genesis lists sign it."
        " | Give the operator a member file: run: allonge member request --help",
        # -- nodes --
        "node_unhealthy | unavailable | something is wrong with the node"
        " | One of the checks failed; the list says which."
        " | Mend what the list names, then: run: allonge node doctor",
        "node_refused | refused | the node could not do it"
        " | The node's process ended with an error; it is named above."
        " | Check the node: run: allonge node doctor",
        # -- programme --
        "bad_terms_file | malformed | not a file of programme terms"
        " | A term is missing, unknown or of the wrong form."
        " | The terms are listed by: run: allonge programme new --help",
        # -- calendar --
        "bad_calendar_file | malformed | not a file of business days"
        " | It names weekend days, and for each year its holidays and make-up "
        "workdays."
        " | See one with: run: allonge calendar example",
        # -- receivables --
        "bad_draft | malformed | not a draft"
        " | The file is no draft of this release, or is damaged."
        " | Make it from the invoice: run: allonge draft FILE",
        "terms_missing | malformed | not all terms are given"
        " | A claim needs an invoice with number and date, an amount and a due date."
        " | Give a draft, or all of --invoice --issued --amount --due.",
        "which_programme | malformed | the programme is not clear"
        " | Several programmes fit the currency and debtor, or none."
        " | Name it with --programme; they are listed by: run: allonge programme show",
        "bad_deduction | malformed | not a deduction"
        " | A deduction has a type, an amount and a document."
        ' | Write it like this: --deduct retention "CNY 500.00" @clause.pdf',
        # -- parties --
        "parties_differ | refused | the invoice names another party"
        " | No identifier of that party in the draft is one of the member's."
        " | Take the right wallet, invoice and programme; if both sides agree that it "
        "is the same party, add --parties-agreed.",
        "other_invoice | refused | not the invoice it draws on"
        " | Number, date, amount or bytes of the file are not those submitted."
        " | Compare it with what was claimed: run: allonge show RECEIVABLE",
        # -- sale --
        "bad_rate | malformed | not a rate"
        " | A rate is a percentage a year with at most four decimals, up to 100 %."
        " | Write it like this: 4.5%",
        # -- bank --
        "which_account | malformed | the account is not clear"
        " | Several collection accounts fit, or none."
        " | Name it with --account ID.",
        # -- cards --
        "account_data_missing | not_found | the account's number is not known here"
        " | The ledger has its hash only; name and number are in its owner's card."
        " | Ask for the card, then run: allonge member account keep CARD",
        "account_data_damaged | malformed | the file of account data cannot be trusted"
        " | It is damaged or of another version."
        " | Move it away, then for each card run: allonge member account keep CARD",
        # -- importing --
        "nothing_new | stale | every entry of the file is known already"
        " | Each entry of a statement counts once."
        " | Nothing to do; close the day with: run: allonge bank close-day --help",
        "entry_differs | refused | an entry is recorded with other facts"
        " | The key names an entry recorded before, and the row says otherwise."
        " | Ask the bank which is right; correct the row, or give a new entry a new "
        "key. Nothing of the file was recorded.",
        "other_account | refused | a statement of another account"
        " | The number in the file is not that of the account on the ledger."
        " | Name the account it is for with --account ID.",
        "statement_gap | refused | the statement does not follow the last one"
        " | A statement begins with the balance, and after the day, of the one before."
        " | Import what lies between first. If the bank only left a number out, "
        "repeat the command with --skip-number.",
        # -- batch --
        "duplicate_line | stale | a line of the file stands there twice"
        " | Two lines name the same invoice, or the same receivable."
        " | Take one of the two lines out of the file.",
        "line_differs | refused | the ledger says something else than the line"
        " | The line's amount is not that of the receivable it names."
        " | Compare both; what the ledger says: run: allonge show RECEIVABLE",
        # -- batch_run --
        "lines_refused | refused | not every line can be done"
        " | The lines listed were refused; nothing was signed or sent."
        " | Correct them, or do the others alone: the same command with --keep-going",
        "nothing_to_do | stale | nothing is left to be done"
        " | Nothing of this kind waits for you, or every line was refused."
        " | What waits for you: run: allonge inbox",
        # -- batch_send --
        "bad_batch | malformed | not a batch"
        " | The file is damaged, or no batch of signing files."
        " | Ask for it again, or prepare it anew with --prepare FILE.",
        # -- certificate --
        "bad_paper | malformed | neither a paper nor a proof of this release"
        " | The file is no proof, or the data in the paper is damaged."
        " | Make it again with: run: allonge proof holding --help",
        "proof_of_other_block | tampered | the node has another block there"
        " | The header that the proof rests on is not the node's at that height."
        " | Ask who gave you the proof, and compare with other members' nodes.",
        # -- watch --
        "bad_event_id | malformed | not the id of an event"
        " | An event is named by its height and a number in the block."
        " | Write it like this: --after 120.3",
        # -- demo_stage --
        "demo_surprise | internal | the demo found something it did not expect"
        " | A step ended otherwise than the rules say; this is a defect."
        " | Run it again with --keep DIR and report what node.log there says.",
        "demo_node_failed | unavailable | the demo's node did not start"
        " | It ended, or did not answer in time."
        " | Run it again with --keep DIR and read node.log there.",
        # -- demo_steps --
        "demo_amount | refused | not an amount for the demo"
        " | It is split among three tiers, and ten times as much has to be an amount."
        " | Take another invoice, or none: run: allonge demo",
        # -- bench_ledger --
        "bench_contradiction | internal | the ledger did not do what the load was "
        "made for"
        " | Counts or totals differ from what the load was made for, so no figure of "
        "this run can be trusted."
        " | Report it with the output; it is a defect.",
        # -- formats/camt --
        "details_differ | refused | the details of an entry do not sum to it"
        " | An entry for several payments is the sum of them, less charges it names."
        " | Ask the bank which is right; nothing of this file was applied.",
        # -- formats/facturx --
        "pdf_broken | malformed | not a PDF that can be read"
        " | Its structure contradicts itself, or an attachment is damaged."
        " | Ask the seller for the invoice's XML, then run: allonge draft FILE",
        "pdf_encrypted | refused | an encrypted PDF"
        " | An invoice for archives (PDF/A-3) is never encrypted."
        " | Ask the sender for the file without a password.",
        "pdf_no_invoice | refused | no invoice in the PDF"
        " | It has no attachment by a name that Factur-X, ZUGFeRD or XRechnung give."
        " | Ask for the XML, or enter the figures: run: allonge submit --help",
        "pdf_several_invoices | refused | several invoices in the PDF"
        " | More than one attachment claims to be the invoice."
        " | Ask the seller for the invoice's XML, then run: allonge draft FILE",
        "pdf_too_large | too_large | the PDF takes too much"
        " | Reading it went over the bound on memory, time, size or attachments."
        " | Ask the seller for the invoice's XML, then run: allonge draft FILE",
        # -- formats/invoice_parts --
        "invoice_field_missing | refused | the invoice lacks a field"
        " | Without this field the claim is not defined."
        " | Ask the seller for a corrected file.",
        "invoice_field_repeated | refused | a field stands twice"
        " | The invoice states twice what can be true only once."
        " | Ask the seller for a corrected file.",
        "bad_invoice_field | refused | a field of the wrong form"
        " | The field is too long, or holds characters that do not show."
        " | Ask the seller for a corrected file.",
        # -- formats/invoices --
        "not_an_invoice | malformed | not an invoice that is read here"
        " | The file is no UBL 2.1 or Cross Industry Invoice (D16B) document."
        " | Ask for the XML of the invoice, or a PDF that carries it.",
        "credit_note | refused | a credit note"
        " | A credit note reduces what is owed; it claims nothing."
        " | Find what it reduces with: run: allonge balance",
        "corrected_invoice | refused | a corrected invoice"
        " | It may restate the amount or only the difference to an earlier one."
        " | Agree the figures and enter them with: run: allonge submit --help",
        "prepayment_invoice | refused | a prepayment invoice"
        " | Nothing was delivered yet, so nothing is owed that could be assigned."
        " | Use the final invoice: run: allonge draft FILE",
        "invoice_type_refused | refused | a document type that claims no payment"
        " | The type code is not that of an invoice for goods or services."
        " | Agree the figures and enter them with: run: allonge submit --help",
        "payee_not_seller | refused | already assigned to another payee"
        " | The invoice names a payee other than the seller."
        " | If you are the payee: run: allonge draft FILE --submitter SCHEME:NUMBER",
        "nothing_due | refused | nothing is due for payment"
        " | The amount due for payment is zero or negative."
        " | Nothing to do: no receivable arises from this invoice.",
        "no_currency | refused | no currency"
        " | The invoice does not say in which currency it is."
        " | Ask the seller for a corrected file.",
        "currency_contradiction | refused | two currencies for one amount"
        " | The amount due is in another currency than the document."
        " | Ask the seller for a corrected file.",
        "bad_invoice_amount | refused | an amount of the wrong form"
        " | Amounts are plain decimal numbers, with a point if they have decimals."
        " | Ask the seller for a corrected file.",
        "totals_contradict | refused | the totals do not add up"
        " | Due is not total with VAT less prepaid plus rounding."
        " | Ask the seller for a corrected file.",
        "no_due_date | refused | no due date"
        " | The invoice states no date on which it is to be paid."
        " | If it was agreed elsewhere: run: allonge draft FILE --due DATE",
        "several_due_dates | refused | several due dates"
        " | A receivable has one due date; instalments are receivables of their own."
        " | Ask the seller for one invoice a due date.",
        "due_date_contradiction | refused | the invoice states another due date"
        " | A given due date fills a gap; it never replaces what is written."
        " | Leave it out: run: allonge draft FILE",
        "bad_invoice_date | refused | not a calendar date"
        " | Dates are a year, a month and a day that exist."
        " | Ask the seller for a corrected file.",
        # -- formats/iso20022 --
        "unknown_bank_file | malformed | not a file of the bank that is read here"
        " | Read are camt.052, camt.053, camt.054 and pain.002, and the documented "
        "CSV."
        " | The forms are described by: run: allonge bank import --help",
        "bank_field_missing | refused | an entry lacks a field"
        " | Without it nobody can say what was booked, when, and on which side."
        " | Ask the bank for a corrected file; nothing of this one was applied.",
        "bad_bank_field | refused | a field of the bank's file has the wrong form"
        " | Amounts are above zero, plain decimals and in the account's currency."
        " | Ask the bank for a corrected file; nothing of this one was applied.",
        # -- formats/markup --
        "xml_broken | malformed | broken XML"
        " | The file is not well-formed XML; it may be cut short."
        " | Ask the sender for the file as it was issued.",
        "xml_encoding | malformed | an encoding that is not read"
        " | Text is read as UTF-8, UTF-16, ASCII, ISO 8859-1, -15 or Windows-1252."
        " | Save the file as UTF-8.",
        "xml_entities | refused | a document type or entity"
        " | Business documents need none, and entities can hide other content."
        " | Ask the sender for the file as it was issued.",
        "xml_too_large | too_large | over the size limit"
        " | A bound on bytes, elements or the length of one text is exceeded."
        " | Ask the sender for the file without attachments.",
        "xml_too_deep | too_large | nested too deeply"
        " | No business document has that many levels."
        " | Ask the sender for the file as it was issued.",
        "several_documents | refused | more than one document in the file"
        " | One file holds one document, so that its hash names it."
        " | Save each document to its own file, then run: allonge draft FILE",
        # -- formats/pain --
        "bad_account_data | refused | account data that no bank can use"
        " | A name and a number are needed, and nothing in them that does not show."
        " | Ask the payee for a new card: run: allonge member account register --help",
        # -- formats/rows --
        "bad_csv | malformed | not a table of the documented form"
        " | The text is no CSV, or its columns are not the documented ones."
        " | The columns are listed by: run: allonge bank import --help",
        "bad_csv_row | malformed | a row of the file is not understood"
        " | A value is missing or has no place in a row of this type."
        " | Correct the named row; nothing of the file was recorded.",
        # -- formats/statements --
        "bank_entry_twice | refused | one entry stands twice in the file"
        " | Two entries of one class have the same reference at the bank."
        " | Ask the bank for a corrected file; nothing of this one was applied.",
        "balance_differs | refused | the balances of the statement do not add up"
        " | Opening balance plus credits less debits is the closing balance."
        " | Ask the bank for a complete statement; nothing of this one was applied.",
    )
)

register(*CODES)
