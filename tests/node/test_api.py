"""The contract of the HTTP interface, with a chain behind it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.checkpoint import LogKey, verify_checkpoint
from ledger.encoding import decode_base64, encode, encode_base64
from ledger.export import Export
from ledger.mapproofs import Leaf, Proof, check_opened, verify_tile
from ledger.statemap import commit_value, map_key
from ledger.transactions import TYPE_TRANSACTION, parse_transaction, sign_payload
from node.config import MANY_MAX
from tests.node.serving import (
    ENVELOPE,
    LINES,
    PROBLEM,
    ROOT,
    WAIT,
    Served,
    found_world,
    serve_world,
    sign_grant,
    tick,
)

SHARED = Path(os.environ.get("ALLONGE_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node whose world has a programme, a receivable and two holders."""
    folder = tmp_path_factory.mktemp("api")
    world = found_world(folder)
    world.let_see_all("auditor")
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(100_000, "2026-04-01")
    world.transfer(receivable, 0, 0, 40_000, "beta")
    with serve_world(world, folder) as node:
        node.receivable = receivable
        yield node


def check_problem(response: Any, code: str = "", status: int = 0) -> None:
    """The answer is a problem document of the agreed form."""
    assert response.headers["content-type"] == PROBLEM, response.text
    assert response.headers["ledger-height"].isdecimal()
    problem = response.json()
    assert problem["status"] == response.status_code < 500
    assert problem["type"] == f"/v1/errors/{problem['code']}"
    assert {"cause", "fix", "kind", "retryable", "title"} <= problem.keys()
    assert status in (0, response.status_code), problem
    assert code in ("", problem["code"]), problem


# -- writing ----------------------------------------------------------------------


def test_a_submission_is_committed_and_found_again(served: Served) -> None:
    """Waiting gives the receipt of a durable block, and reading gives the same."""
    raw = tick(served.world, "alpha")
    done = served.post(raw)
    assert done.status_code == 200
    body = done.json()
    assert body["status"] == "committed"
    assert body["receipt"]["code"] == "ok"
    shown = served.get(f"/v1/transactions/{body['id']}", "alpha").json()
    assert shown["height"] == body["height"]
    assert shown["receipt"] == body["receipt"]
    assert decode_base64(shown["envelope"]) == raw


def test_the_same_bytes_again_give_the_same_receipt(served: Served) -> None:
    """A client that never got an answer may send again, as often as it likes."""
    raw = tick(served.world, "alpha")
    first = served.post(raw).json()
    height = served.node.chain.header.height
    assert served.post(raw, wait=False).json() == first
    lines = served.client.post(
        "/v1/transactions", content=raw + b"\n" + raw, headers=LINES | WAIT
    ).json()["results"]
    assert [line["height"] for line in lines] == [first["height"]] * 2
    assert served.node.chain.header.height == height


def test_a_known_payload_with_forged_signatures_tells_nothing(served: Served) -> None:
    """The receipt is for whoever could have signed, not for whoever read along."""
    raw = tick(served.world, "alpha")
    served.post(raw)
    payload = parse_transaction(raw).envelope.payload
    forged = sign_payload(TYPE_TRANSACTION, payload, served.world.actors["beta"].keys)
    check_problem(served.post(forged), "wrong_signers", 403)


def test_without_waiting_it_is_accepted_first(served: Served) -> None:
    """202 says verified and waiting; the block comes a moment later."""
    answer = served.post(tick(served.world, "alpha"), wait=False)
    assert answer.status_code in (200, 202)
    served.post(tick(served.world, "alpha"))
    shown = served.get(f"/v1/transactions/{answer.json()['id']}", "alpha")
    assert shown.json()["status"] == "committed"


def test_what_admission_refuses_is_told_without_waiting(served: Served) -> None:
    """A wrong signature never becomes a 202."""
    raw = tick(served.world, "alpha")
    broken = raw.replace(b'"sig":"', b'"sig":"AAAA')
    check_problem(served.post(broken, wait=False), "bad_envelope", 400)


def test_a_refusal_is_provisional_and_remembered_for_its_signers(
    served: Served,
) -> None:
    """Who sent it without waiting learns why it is not in a block."""
    world = served.world
    body = {
        "cuts": [500_000],
        "input": world.input(served.receivable, 40_000),
        "receivable": served.receivable,
    }
    raw = world.build("receivable.split", body, by=["alpha"])
    refused = served.post(raw)
    check_problem(refused, "bad_cut", 422)
    assert refused.json()["provisional"] is True
    again = served.post(raw, wait=False)
    if again.status_code == 202:
        served.post(tick(world, "beta"))
        path = f"/v1/transactions/{again.json()['id']}"
        check_problem(served.get(path, "alpha"), "bad_cut", 422)
        check_problem(served.get(path, "beta"), "not_found", 404)


def test_many_are_answered_in_their_order(served: Served) -> None:
    """Each line has its own outcome; one bad line spoils no other."""
    good = [tick(served.world, "alpha") for _ in range(5)]
    lines = [*good[:3], b"not an envelope", *good[3:], good[0]]
    answer = served.client.post(
        "/v1/transactions", content=b"\n".join(lines), headers=LINES | WAIT
    )
    results = answer.json()["results"]
    kinds = [row["status"] for row in results]
    assert kinds == ["committed"] * 3 + ["refused"] + ["committed"] * 3
    assert results[3]["code"] == "bad_json"
    assert results[0] == results[-1]


def test_many_have_a_bound(served: Served) -> None:
    """More lines than a block holds are refused before any is read."""
    content = b"x\n" * (MANY_MAX + 1)
    answer = served.client.post("/v1/transactions", content=content, headers=LINES)
    check_problem(answer, "too_large", 413)


def test_a_dry_run_changes_nothing(served: Served) -> None:
    """The receipt is the one it would get, and the ledger stands still."""
    height = served.node.chain.header.height
    answer = served.client.post(
        "/v1/transactions:validate",
        content=tick(served.world, "alpha"),
        headers=ENVELOPE,
    )
    assert answer.json()["receipt"]["code"] == "ok"
    assert served.node.chain.header.height == height


def test_prepared_bytes_can_be_signed_and_sent(served: Served) -> None:
    """The node proposes the bytes; a wallet signs exactly those."""
    world = served.world
    body = {
        "cuts": [60_000],
        "input": world.input(served.receivable, 40_000),
        "receivable": served.receivable,
    }
    answer = served.client.post(
        "/v1/prepare/receivable.split",
        content=json.dumps({"body": body}, indent=1),
        headers=sign_grant(world, "alpha") | {"Content-Type": "application/json"},
    )
    prepared = answer.json()
    assert prepared["by"] == [world.member("alpha")]
    assert prepared["signers"] == [
        {"action": "manage", "member": world.member("alpha"), "persons": 1}
    ]
    payload = decode_base64(prepared["payload"])
    raw = sign_payload(TYPE_TRANSACTION, payload, world.actors["alpha"].keys)
    assert served.post(raw).json()["id"] == prepared["id"]


# -- what is told to nobody --------------------------------------------------------


@pytest.mark.parametrize("exists", [True, False], ids=["exists", "does_not"])
def test_preparing_with_the_holding_of_another(served: Served, *, exists: bool) -> None:
    """Whether somebody else's holding exists cannot be found out by preparing."""
    world = served.world
    given = world.input(served.receivable, 0)  # the holding of beta
    if not exists:
        given = {**given, "lo": 3, "rev": 7}
    body = {"cuts": [20_000], "input": given, "receivable": served.receivable}
    answer = served.client.post(
        "/v1/prepare/receivable.split",
        content=encode({"body": body}),
        headers=sign_grant(world, "gamma") | {"Content-Type": "application/json"},
    )
    check_problem(answer, "not_found", 404)
    assert "expected" not in answer.json()


@pytest.mark.parametrize("exists", [True, False], ids=["exists", "does_not"])
def test_acting_on_what_is_hidden(served: Served, *, exists: bool) -> None:
    """A signed act on somebody else's thing is refused as if it were nothing."""
    world = served.world
    given = {**world.input(served.receivable, 0), "rev": 1}
    receivable = served.receivable if exists else "ab" * 32
    body = {"cuts": [20_000], "input": given, "receivable": receivable}
    raw = world.build("receivable.split", body, by=["gamma"])
    answer = served.post(raw)
    check_problem(answer, "not_found", 404)
    assert world.member("beta")[:12] not in answer.text
    assert answer.json()["found"] == "receivable"


# -- reading ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/livez", "/readyz", "/v1/node", "/v1/headers", "/v1/errors", "/v1/openapi.json"],
)
def test_public_paths_need_no_grant(served: Served, path: str) -> None:
    """What anybody may know is answered to anybody, with the ledger's height."""
    answer = served.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["ledger-height"].isdecimal()


def test_the_latest_checkpoint_covers_the_head(served: Served) -> None:
    """The signed note verifies under the key that the node names."""
    served.node.checkpoints.sign_head()
    facts = served.client.get("/v1/node").json()
    note = served.client.get("/v1/checkpoints/latest").content
    key = LogKey.from_vkey(facts["log_key"])
    head = verify_checkpoint(note, facts["origin"], [key])
    assert head.size == served.node.chain.header.size
    assert served.node.chain.log.root() == head.root


def test_pages_make_a_whole(served: Served) -> None:
    """Following the cursors gives every item once, in the order of one page."""
    whole = served.get("/v1/members?limit=500", "alpha").json()["items"]
    pages = []
    cursor = ""
    while True:
        page = served.get(f"/v1/members?limit=3&cursor={cursor}", "alpha").json()
        pages += page["items"]
        cursor = page.get("next_cursor", "")
        if not cursor:
            break
    assert pages == whole
    assert len(whole) == len(served.world.actors)


def test_a_proof_verifies_against_its_header(served: Served) -> None:
    """The record as stored, what it is part of, and that nothing overlaps it."""
    path = f"/v1/records/tile/0?scope={served.receivable}"
    found = served.get(path, "beta").json()
    shown = (found["record"], found["parent"])
    keys = [
        map_key("tile", served.receivable, "", 0),
        map_key("receivable", "", served.receivable),
    ]
    leaves = [
        Leaf(
            key, record.get("hi", 0), commit_value(decode_base64(salt), encode(record))
        )
        for key, record, salt in zip(keys, shown, found["salts"], strict=True)
    ]
    proof = Proof.from_json(found["items"], leaves)
    verify_tile(bytes.fromhex(found["header"]["state_root"]), leaves[0], proof)
    check_opened(leaves[1], proof)


def test_an_export_holds_the_whole_ledger(served: Served, tmp_path: Path) -> None:
    """An auditor takes everything along; nobody else learns that it is there."""
    raw = served.get("/v1/export?from=0", "auditor").content
    file = tmp_path / "export"
    file.write_bytes(raw)
    with file.open("rb") as stream:
        export = Export(stream)
        heights = [block.height for block in export.blocks()]
    assert heights == list(range(len(heights)))
    check_problem(served.get("/v1/export", "alpha"), "not_found", 404)


GRANTS = {
    "none": {},
    "other_scheme": {"Authorization": "Bearer abc"},
    "no_base64": {"Authorization": "Allonge %%%"},
    "no_envelope": {"Authorization": "Allonge AAAA"},
    "huge": {"Authorization": "Allonge " + "A" * 6_000},
}


@pytest.mark.parametrize("headers", GRANTS.values(), ids=GRANTS.keys())
def test_grants_that_are_none(served: Served, headers: dict[str, str]) -> None:
    """Without a signed grant nothing is read."""
    answer = served.client.get("/v1/members", headers=headers)
    check_problem(answer, "bad_grant", 401)
    assert answer.headers["www-authenticate"] == "Allonge"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"chain": "ab" * 32}, "bad_grant"),
        ({"scope": "write"}, "bad_grant"),
        ({"v": 2}, "bad_grant"),
        ({"v": True}, "bad_grant"),
        ({"until": 1}, "grant_expired"),
        ({"until": 2**52}, "bad_grant"),
        ({"member": "ab" * 32}, "bad_grant"),
        ({"more": 1}, "bad_grant"),
    ],
    ids=["chain", "scope", "v", "v_bool", "past", "far", "member", "more"],
)
def test_grants_that_do_not_hold(
    served: Served, fields: dict[str, Any], code: str
) -> None:
    """Each field of a grant is judged."""
    headers = sign_grant(served.world, "alpha", **fields)
    check_problem(served.client.get("/v1/members", headers=headers), code, 401)


def test_a_transaction_is_no_grant(served: Served) -> None:
    """A signature under one kind of thing counts for no other."""
    text = encode_base64(tick(served.world, "alpha"))
    answer = served.client.get(
        "/v1/members", headers={"Authorization": f"Allonge {text}"}
    )
    check_problem(answer, "bad_grant", 401)


# -- bad input ----------------------------------------------------------------------

POSTS = (
    "/v1/transactions",
    "/v1/transactions:validate",
    "/v1/prepare/receivable.offer",
)
BAD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "space": b" ",
    "half": b'{"payload":',
    "nan": b'{"body":NaN}',
    "infinity": b'{"body":-Infinity}',
    "float": b'{"body":{"a":1.5}}',
    "exponent": b'{"body":{"a":1e999}}',
    "null": b"null",
    "array": b"[]",
    "number": b"7",
    "duplicate": b'{"body":{},"body":{}}',
    "surrogate": b'{"body":{"a":"\\ud800"}}',
    "raw_surrogate": b'{"body":{"a":"\xed\xa0\x80"}}',
    "no_utf8": b'{"body":"\xff\xfe"}',
    "bom": b'\xef\xbb\xbf{"body":{}}',
    "utf16": '{"body":{}}'.encode("utf-16"),
    "nul": b'{"body":"\x00"}',
    "huge_integer": b'{"body":{"a":' + b"9" * 5_000 + b"}}",
    "large_integer": b'{"body":{"a":9007199254740992}}',
    "deep_array": b"[" * 30_000,
    "deep_object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep_body": b'{"body":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    "long_key": b'{"' + b"a" * 60_000 + b'":1}',
    "capital_key": b'{"body":{"Receiver":1}}',
    "extra_field": b'{"body":{},"more":1}',
    "body_no_object": b'{"body":[]}',
    "not_after_text": b'{"body":{},"not_after":"7"}',
    "not_after_bool": b'{"body":{},"not_after":true}',
    "not_after_zero": b'{"body":{},"not_after":0}',
    "three_hundred_kb": b'{"body":"' + b"a" * 300_000 + b'"}',
    "envelope_without": b'{"payload":"","payloadType":"","signatures":[]}',
    "lines": b"{}\n{}\n",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("raw", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_bodies_are_named(served: Served, path: str, raw: bytes) -> None:
    """Whatever the bytes are, the answer is a problem and never a fault."""
    headers = sign_grant(served.world, "alpha")
    for kind in ("application/json", "application/x-ndjson", "text/plain"):
        answer = served.client.post(
            path, content=raw, headers=headers | {"Content-Type": kind}
        )
        if answer.status_code == 200:  # many: each line has its own problem
            rows = answer.json()["results"]
            assert {row["status"] for row in rows} == {"refused"}
        else:
            check_problem(answer)


@pytest.mark.parametrize("path", POSTS)
def test_the_json_test_suite_is_named(served: Served, path: str) -> None:
    """No file of the suite, valid JSON or not, gets anything but a problem."""
    files = sorted((SHARED / "data/json/test_parsing").glob("*.json"))
    if not files:
        pytest.skip("shared data absent: json")
    headers = sign_grant(served.world, "alpha") | {"Content-Type": "application/json"}
    for file in files:
        answer = served.client.post(path, content=file.read_bytes(), headers=headers)
        check_problem(answer)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", "not_found"),
        ("GET", "/v1", "not_found"),
        ("GET", "/v1/nothing", "not_found"),
        ("GET", "/v1/node/", "not_found"),
        ("GET", "/v1/%ff%fe", "not_found"),
        ("GET", "/v1/errors/%00", "not_found"),
        ("POST", "/v1/node", "wrong_method"),
        ("DELETE", "/v1/transactions", "wrong_method"),
        ("GET", "/v1/transactions", "wrong_method"),
        ("PUT", "/v1/members", "wrong_method"),
        ("BREW", "/v1/node", "wrong_method"),
        ("POST", "/v1/transactions?wait=1", "bad_request"),
        ("POST", "/v1/transactions", "wrong_media_type"),
        ("GET", "/v1/node?verbose=1", "bad_request"),
        ("GET", "/v1/headers?limit=0", "bad_request"),
        ("GET", "/v1/headers?limit=501", "bad_request"),
        ("GET", "/v1/headers?limit=abc", "bad_request"),
        ("GET", "/v1/headers?from=-1", "bad_request"),
        ("GET", "/v1/headers?from=99999999999999999999", "bad_request"),
        ("GET", "/v1/headers?limit=1&limit=2", "bad_request"),
        ("GET", "/v1/headers?start=1", "bad_request"),
    ],
)
def test_bad_requests_without_grant(
    served: Served, method: str, path: str, code: str
) -> None:
    """The framework's own errors have the form of all others."""
    check_problem(served.client.request(method, path), code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/members?cursor=%25", "bad_request"),
        ("/v1/members?cursor=____", "bad_request"),
        ("/v1/members?cursor=" + "A" * 500, "bad_request"),
        ("/v1/members?nme=a", "bad_request"),
        ("/v1/receipts", "bad_request"),
        ("/v1/members/abc", "not_found"),
        ("/v1/members/" + "a" * 64, "not_found"),
        ("/v1/members/" + "%F0%9F%92%A5", "not_found"),
        ("/v1/records/tile/0", "not_found"),
        ("/v1/records/tile/-1?scope=abc", "not_found"),
        ("/v1/records/tile/99999999999999999?scope=abc", "not_found"),
        ("/v1/records/tile/1e3?scope=abc", "not_found"),
        ("/v1/records/nothing/0", "not_found"),
        ("/v1/records/member/%00", "not_found"),
        ("/v1/receivables/abc/lineage", "not_found"),
        ("/v1/receivables/abc/history", "not_found"),
        ("/v1/receivables/abc/history?cursor=YWJj", "bad_request"),
        ("/v1/transactions/abc", "not_found"),
        ("/v1/transactions/" + "z" * 64, "not_found"),
        ("/v1/blocks/99999", "not_found"),
        ("/v1/blocks/abc", "bad_request"),
        ("/v1/blocks/-1", "bad_request"),
        ("/v1/events?after=1", "bad_request"),
        ("/v1/events?after=1.2.3", "bad_request"),
        ("/v1/events?after=%C2%B2.1", "bad_request"),
        ("/v1/events?after=" + "9" * 400 + ".0", "bad_request"),
        ("/v1/export?from=1", "bad_request"),
    ],
)
def test_bad_reads(served: Served, path: str, code: str) -> None:
    """A granted reader gets a code for whatever it asks wrongly."""
    check_problem(served.get(path, "auditor"), code)


def test_every_code_can_be_looked_up(served: Served) -> None:
    """The type of a problem leads to its cause and fix."""
    for row in served.client.get("/v1/errors").json()["items"]:
        shown = served.client.get(f"/v1/errors/{row['code']}")
        assert shown.json() == row
        assert row["cause"]


def test_every_route_is_described(served: Served) -> None:
    """Each path of the contract stands in the OpenAPI document with problems."""
    document = served.client.get("/v1/openapi.json").json()
    paths = {path for path in document["paths"] if not path.startswith("/v1/openapi")}
    assert {"/v1/transactions", "/v1/prepare/{act}", "/v1/holdings"} <= paths
    for operations in document["paths"].values():
        for operation in operations.values():
            assert PROBLEM in operation["responses"]["default"]["content"]
            assert operation["summary"]
