"""The matrix of sight: every route, reader and object against the table.

What one may not see answers exactly like what does not exist. A kind, an act,
an event or a route that no table names fails here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ledger.encoding import encode
from ledger.transactions import Transaction, parse_transaction
from node.history import place_events
from node.streams import Cursor, Streams
from tests.node import matrix, matrix_lists
from tests.node.matrix import Facts, Seen, Thing
from tests.node.matrix_story import ADMITTED, READERS, found_stage, play
from tests.node.serving import (
    ROOT,
    Asker,
    find_words,
    serve_world,
    sign_grant,
    wait_for,
)
from tests.world import digest_of

SAMPLES_A_KIND = 8
BLOCKS_LEFT_OUT = 5


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The story, served."""
    folder = tmp_path_factory.mktemp("matrix")
    stage = found_stage(folder)
    things = play(stage)
    facts = Facts(stage)
    store = stage.chain.store
    assert store is not None
    heights = range(1, stage.chain.header.height + 1)
    events = [event for h in heights for event in place_events(store.block(h))]
    with serve_world(stage, folder) as served:
        served.things = things
        headers = {name: sign_grant(stage, name) for name in READERS}
        wait_for(lambda: served.node.history.height >= heights[-1])
        asker = Asker(served.client.app)
        yield Seen(served, facts, headers, events, asker)
        asker.close()


def check_same(seen: Seen, reader: str, hidden: str, nothing: str) -> None:
    """What is hidden and what is not there get the same answer, but for ids."""
    one, other = seen.get(hidden, reader), seen.get(nothing, reader)
    assert (hidden, reader, one.status_code) == (hidden, reader, other.status_code)
    assert one.content == other.content, (hidden, reader)
    assert sorted(one.headers) == sorted(other.headers)


# -- tables are complete ------------------------------------------------------------


def test_every_kind_act_and_event_is_in_the_table(seen: Seen) -> None:
    """What is new has to be decided here first."""
    rulebook = seen.served.node.chain.rulebook
    assert set(matrix.RECORDS) == set(rulebook.kinds)
    assert set(matrix.ACTS) == {act for _, act in rulebook.actions}
    told = {event.content["event"] for event in seen.events}
    assert told <= {name.partition(":")[0] for name in matrix.EVENTS}
    present = {kind for kind, _, _ in seen.facts.records}
    assert set(rulebook.kinds) - present == {"quarantine"}
    assert len({act.act for act in seen.facts.acts.values()}) > 55


def test_every_route_is_in_a_table(seen: Seen) -> None:
    """A route nobody has thought about is one that leaks."""
    paths = seen.served.client.get("/v1/openapi.json").json()["paths"]
    known = {*matrix_lists.SINGLE, *matrix_lists.LISTS, *matrix_lists.APART}
    assert {path for path in paths if path not in matrix_lists.PUBLIC} == known
    readme = (ROOT / "node" / "README.md").read_text("utf-8")
    assert not [path for path in paths if f"`{path}`" not in readme]


# -- single things --------------------------------------------------------------------


def sample(seen: Seen) -> list[tuple[Thing, set[str]]]:
    """Return records of each kind, one for each different audience first."""
    found: dict[str, list[tuple[Thing, set[str]]]] = defaultdict(list)
    again: dict[str, list[tuple[Thing, set[str]]]] = defaultdict(list)
    for record in seen.facts.records.values():
        row = (record, seen.of_record(record))
        known = [audience for _, audience in found[record["kind"]]]
        (again if row[1] in known else found)[record["kind"]].append(row)
    return [
        row for kind in found for row in (found[kind] + again[kind])[:SAMPLES_A_KIND]
    ]


def test_each_record_is_shown_to_its_audience_alone(seen: Seen) -> None:
    """By the route of proofs, and by the route of its own if it has one."""
    wrong = []
    for record, audience in sample(seen):
        for reader in READERS:
            for path in matrix_lists.paths_of(record):
                status = seen.get(path, reader).status_code
                if status != (200 if reader in audience else 404):
                    wrong.append((record["kind"], reader, status, path[:80]))
    assert not wrong


def test_a_hidden_record_answers_like_none(seen: Seen) -> None:
    """Whole answers are equal, so nobody can tell the two apart."""
    for record, audience in sample(seen):
        absent = matrix_lists.make_absent(record)
        paths = zip(
            matrix_lists.paths_of(record), matrix_lists.paths_of(absent), strict=True
        )
        hidden_from = [reader for reader in READERS if reader not in audience]
        for hidden, nothing in paths:
            for reader in hidden_from[:3]:
                check_same(seen, reader, hidden, nothing)


def test_each_transaction_is_shown_to_its_audience_alone(seen: Seen) -> None:
    """Signers, whom it names as the other side, and who is told of its object."""
    wrong = []
    once = {(made.act, *sorted(seen.of_act(i))): i for i, made in all_acts(seen)}
    for item in once.values():
        made, audience = seen.facts.acts[item], seen.of_act(item)
        for reader in READERS:
            status = seen.get(f"/v1/transactions/{item}", reader).status_code
            if status != (200 if reader in audience else 404):
                wrong.append((made.act, reader, status))
    assert not sorted(set(wrong))


def all_acts(seen: Seen) -> Iterator[tuple[str, Transaction]]:
    """Yield the transactions by id, but for the sources of rules."""
    acts = seen.facts.acts.items()
    return ((item, made) for item, made in acts if made.act != "rules.publish")


def test_a_hidden_transaction_answers_like_none(seen: Seen) -> None:
    """Its id says nothing."""
    for item, _ in all_acts(seen):
        readers = [r for r in READERS if r not in seen.of_act(item)]
        for reader in readers[:1]:
            paths = (f"/v1/transactions/{i}" for i in (item, digest_of("none")))
            check_same(seen, reader, *paths)


def test_blocks_list_what_their_reader_sees(seen: Seen) -> None:
    """Ids, bodies, and for the whole chain's auditor receipts and events."""
    by_height: dict[int, list[str]] = defaultdict(list)
    store = seen.served.node.store
    heights = range(1, seen.served.node.chain.header.height + 1)
    for height in heights[::BLOCKS_LEFT_OUT]:
        for raw in store.block(height).transactions:
            by_height[height].append(parse_transaction(raw).id)
    for height, items in by_height.items():
        audiences = {item: seen.of_act(item) for item in items}
        for reader in READERS:
            found = seen.get(f"/v1/blocks/{height}", reader).json()
            assert found["ids"] == [i for i in items if reader in audiences[i]]
            assert len(found["transactions"]) == len(found["ids"])
            assert ("events" in found) == ("receipts" in found) == (reader == "full")


# -- lists and streams ----------------------------------------------------------------


def read_all(seen: Seen, path: str, reader: str, limit: int) -> list[Any] | None:
    """Return all items of a list, page by page; None for 404."""
    items: list[Any] = []
    cursor = ""
    while True:
        mark = "&" if "?" in path else "?"
        page = f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        answer = seen.get(page if limit else path, reader)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        told = answer.json()
        items += told["steps"] if "steps" in told else told["items"]
        cursor = answer.json().get("next_cursor", "")
        if not cursor:
            return items


@pytest.mark.parametrize("route", matrix_lists.LISTS)
def test_lists_hold_what_their_reader_may_see(seen: Seen, route: str) -> None:
    """No more, no less, whatever the size of a page; what is hidden is not counted."""
    listed = matrix_lists.LISTS[route]
    wrong = []
    for reader in READERS:
        for path, expected in listed.expect(seen, reader):
            for limit in (500, 2) if listed.paged else (0,):
                items = read_all(seen, path, reader, limit)
                found = None if items is None else [listed.key(i) for i in items]
                if not listed.is_same(found, expected):
                    wrong.append((reader, path[:60], found, expected))
    assert not wrong


def test_streams_tell_what_their_reader_may_see(seen: Seen) -> None:
    """All of it, once, in order; ids and places count nothing that is hidden."""
    node = seen.served.node
    for reader in READERS:
        header = seen.headers[reader]["Authorization"]
        told = read_stream(seen, node.grants.verify(header, *node.times_ms())[1])
        expected = [e for e in seen.events if reader in seen.of_event(e)]
        assert [strip(t["event"]) for t in told] == [
            strip(e.content) for e in expected
        ], reader
        for one, event in zip(told, expected, strict=True):
            known = event.cause is not None and reader in seen.of_act(event.cause.id)
            assert ("tx" in one) == known
            assert not one.keys() & {"position", "cursor"}


def read_stream(seen: Seen, reader: Any) -> list[dict[str, Any]]:
    """Return all events that a stream from the beginning tells, and check its ids."""
    streams = Streams(seen.served.node)
    pieces: list[bytes] = []
    cursor = Cursor(0, 0)
    while True:
        found, after = streams._collect(reader, cursor)
        pieces += found
        if after == cursor:
            break
        cursor = after
    lines = [
        dict(line.split(": ", 1) for line in piece.decode().strip().split("\n"))
        for piece in pieces
    ]
    assert len({line["id"] for line in lines}) == len(lines)
    return [json.loads(line["data"]) for line in lines]


def strip(content: Thing) -> dict[str, Any]:
    """Return an event without what counts holders."""
    hidden = ("groups", "lines", "pieces")
    return {name: content[name] for name in content if name not in hidden}


def test_event_ids_cannot_be_counted(seen: Seen) -> None:
    """The numbers of a block's events neither begin at one nor follow each other."""
    cursors = seen.served.node.cursors
    tags = [cursors.tag(9, position) for position in range(50)]
    assert len(set(tags)) == 50
    assert tags != sorted(tags)
    assert min(tags) > 1_000


def test_an_export_is_for_who_sees_the_whole_chain(seen: Seen) -> None:
    """To all others there is none."""
    for reader in READERS:
        status = seen.get("/v1/export", reader).status_code
        assert (reader, status) == (reader, 200 if reader == "full" else 404)


# Whom and what no answer may name to a reader: holders, competitors, prices.
UNNAMED = {
    "debtor": ("beta", "gamma", "delta", "99250"),
    "lender_two": ("lender", "beta", "gamma", "delta", "99250"),
    "operator": ("99250", "400133"),
    "stranger": ("beta", "gamma", "delta", "lender", "99250"),
}
# These name members as such, or the sides of terms that all under them know.
NAMING_MEMBERS = ("member", "key", "policy", "recovery", "programme", "grant")


def test_words_are_found_whole() -> None:
    """An amount in a field, and not the digits of a hash."""
    words = ["99250"]
    assert find_words(words, '{"price_minor":99250,"id":"00"}') == words
    assert find_words(words, '{"id":"3bcad9925010"}') == []


@pytest.mark.parametrize("reader", UNNAMED)
def test_no_answer_names_what_is_hidden(seen: Seen, reader: str) -> None:
    """Not in any list, record, event or block that the reader can get."""
    actors = seen.served.world.actors
    words = [actors[w].id if w in actors else w for w in UNNAMED[reader]]
    paths = [
        path
        for route, listed in matrix_lists.LISTS.items()
        if not any(f"/{kind}" in route for kind in NAMING_MEMBERS)
        for path, expected in listed.expect(seen, reader)
        if expected
    ]
    paths += [
        matrix_lists.paths_of(record)[0]
        for record in seen.facts.records.values()
        if reader in seen.of_record(record) and record["kind"] not in NAMING_MEMBERS
        if record["kind"] != "rule_file"
    ]
    assert len(paths) >= 5
    for path in [*paths, "/v1/inbox"]:
        answer = seen.get(path, reader)
        assert answer.status_code == 200, path
        assert not find_words(words, answer.text), path
    sight_of = seen.served.node.grants.verify(
        seen.headers[reader]["Authorization"], *seen.served.node.times_ms()
    )[1]
    for told in read_stream(seen, sight_of):
        if "member" not in told["event"] and "grant" not in told["event"]:
            text = json.dumps(told["event"])
            assert not find_words(words, text), told


# -- errors are no oracle -------------------------------------------------------------


def find_hidden(seen: Seen, reader: str, value: Any) -> set[str]:
    """Return the ids in a body of what is there, but not for a reader."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return {item for each in inner for item in find_hidden(seen, reader, each)}
    if not isinstance(value, str) or len(value) != 64:
        return set()
    known = [r for (_, _, i), r in seen.facts.records.items() if i == value]
    shown = [r for r in known if reader in seen.of_record(r)]
    is_act = value in seen.facts.acts and reader in seen.of_act(value)
    return set() if shown or is_act or not known else {value}


def swap(hidden: set[str], text: str, *, back: bool = False) -> str:
    """Return a text with other ids, or cut ones, in place of hidden ones."""
    for item in hidden:
        pair = (digest_of(item), item) if back else (item, digest_of(item))
        for size in (64, 16, 12):
            text = text.replace(pair[0][:size], pair[1][:size])
    return text


# What a signer names because its owner told it: the act itself shows it is there.
TOLD = {"payment.advise": "account", "payto.propose": "account"}


def compare(
    seen: Seen, readers: Sequence[str], ask: Callable[[str, Any, str], Any]
) -> int:
    """Ask with each body as it is, and with ids of nothing for what is hidden."""
    compared = 0
    for act, body in bodies(seen):
        for reader in readers:
            hidden = find_hidden(seen, reader, body) - {body.get(TOLD.get(act, ""))}
            if hidden:
                blind = json.loads(swap(hidden, json.dumps(body)))
                status, text = ask(act, body, reader)
                other, blind_text = ask(act, blind, reader)
                blind_text = swap(hidden, blind_text, back=True)
                assert (status, text) == (other, blind_text), (act, reader)
                compared += 1
    return compared


def bodies(seen: Seen) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield one body of every act of the story, the latest."""
    latest = {made.act: made.body for made in seen.facts.acts.values()}
    return ((act, body) for act, body in latest.items() if act != "rules.publish")


ASKERS = [name for name in READERS if name not in ("full", *ADMITTED)]


def test_preparing_tells_nothing_of_what_is_hidden(seen: Seen) -> None:
    """The answer is that to a body whose hidden ids are ids of nothing."""

    def ask(act: str, body: Any, reader: str) -> Any:
        answer = seen.asker.ask(
            f"/v1/prepare/{act}",
            seen.headers[reader] | {"Content-Type": "application/json"},
            encode({"body": body, "check": True, "not_after": 9_999}),
        )
        told = answer.json()
        drawn = ("id", "payload")  # the nonce is drawn anew
        kept = {name: told[name] for name in told if name not in drawn}
        return answer.status_code, json.dumps(kept)

    assert compare(seen, ASKERS, ask) > 400


@pytest.mark.parametrize("route", ["/v1/transactions:validate", "/v1/transactions"])
def test_a_refusal_tells_nothing_of_what_is_hidden(seen: Seen, route: str) -> None:
    """Neither a dry run nor sending says whether a hidden thing exists."""

    def ask(act: str, body: Any, reader: str) -> Any:
        raw = seen.served.world.build(act, body, by=[reader])
        answer = seen.asker.ask(route, SIGNED, raw)
        assert answer.status_code >= 400, (act, reader)
        return answer.status_code, answer.text

    assert compare(seen, ("stranger", "gamma", "lender_two", "buyer"), ask) > 80


SIGNED = {"Content-Type": "application/vnd.dsse+json", "Prefer": "wait=30"}
