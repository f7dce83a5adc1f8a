"""Where CPU time goes, by looking at the stack a thousand times a second.

A profiler that hooks every call triples the cost of short functions and so
tells lies about them. Looking costs the same wherever the program is.
"""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERVAL_SECONDS: Final = 0.001
OTHER: Final = "other"

# Module -> function -> stage; "" stands for every other function. Modules that
# serve several stages are absent: then the caller decides.
Stages = Mapping[str, Mapping[str, str]]


def stage_of(frame: FrameType | None, stages: Stages) -> str:
    """Return the stage of a stack, innermost frame first."""
    while frame is not None:
        named = stages.get(frame.f_globals.get("__name__", ""))
        if named is not None:
            stage = named.get(frame.f_code.co_name, named.get("", ""))
            if stage:
                return stage
        frame = frame.f_back
    return OTHER


@contextmanager
def sampled(stages: Stages) -> Iterator[dict[str, float]]:
    """Yield CPU seconds of this thread by stage; complete when the block ends.

    Only the main thread can do this, for it is the one that gets signals.
    """
    spent: dict[str, float] = defaultdict(float)
    last = time.thread_time()

    def look(_number: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.thread_time()
        spent[stage_of(frame, stages)] += now - last
        last = now

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield spent
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        spent[OTHER] += time.thread_time() - last
