"""What a refusal says while the very block changes what there is to see."""

import threading
from pathlib import Path

from tests.node.serving import DAY_MS, found_world, serve_world


def test_an_offer_that_ends_with_the_block_is_expired_not_missing(
    tmp_path: Path,
) -> None:
    """The acceptance is refused for its lateness, though the offer is tidied away."""
    world = found_world(tmp_path)
    world.open_account()
    world.open_programme()
    receivable = world.issue_live(10_000, "2026-02-16")
    part = {"hi": 4_000, "lo": 0}
    body = {
        "input": world.input(receivable, 0),
        "part": part,
        "receivable": receivable,
        "receiver": world.member("beta"),
        "recourse": "without",
        "until_ms": world.time + DAY_MS,
    }
    offer = world.act("receivable.offer", body)
    answer = {"aware_overdue": False, "offer": offer, "part": part}
    answer["receivable"] = receivable
    late = world.build("offer.accept", answer, not_after=world.time + 5 * DAY_MS)
    with serve_world(world, tmp_path) as served:
        held, go = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            go.wait(60)

        served.node.writer.call(hold, "test")
        assert held.wait(60)
        # Calls come before the batch of a turn, so that acceptance and
        # clean-up meet in one block.
        moment = world.time + 2 * DAY_MS
        served.node.writer.call(lambda: served.advance(moment), "test")
        ticket = served.node.writer.submit([late])
        ticket.admitted.result(5)
        go.set()
        ticket.done.result(5)
        assert not served.get("/v1/offers", "beta").json()["items"]
    outcome = ticket.outcomes[0]
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.code == "offer_over"
