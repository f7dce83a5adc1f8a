"""The stage of the demo: a folder, wallets with keys, a node of its own, a clock.

Everything that changes the ledger goes the way of any user: a command prepares
a file, the screen is computed from its bytes, each person signs that file, and
it is sent. The commands run in this process, the node in another one.
"""

# ruff: noqa: PLC0415 - loaded when called, so that a command starts at once

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cli.amounts import format_amount
from cli.demo.cast import CAST, Actor, found_chain
from cli.demo.voice import Voice
from cli.private import make_private_directory, write_private
from cli.session import Session
from cli.signing.file import read_signing_file
from cli.wallet.folder import open_folder
from ledger.encoding import JSONObject
from ledger.errors import LedgerError

OFFSET_MINUTES: Final = 480  # the programme's zone
MORNING_HOUR: Final = 9
START_S_MAX: Final = 60
STOP_S_MAX: Final = 10
WAIT_S_MAX: Final = 20
POLL_S: Final = 0.02


class Stage:
    """What the steps of the demo work with.

    Attributes:
        folder: holds everything.
        voice: tells what happens.
        facts: what steps have found out and later ones need, by name.
        commands: what was typed since the last step, as a user would.
        screen: the signing screen shown last.
        cast: the members.
    """

    def __init__(
        self, voice: Voice, keep: Path | None, cast: Sequence[Actor] = CAST
    ) -> None:
        """Make the folder; nothing runs yet.

        Raises:
            LedgerError: ``file_exists``, there is something in the folder.
        """
        if keep is not None and keep.exists() and any(keep.iterdir()):
            raise LedgerError("file_exists", path=keep)
        self.voice = voice
        self.cast = cast
        self.facts: dict[str, Any] = {}
        self.commands: list[str] = []
        self.screen: tuple[str, ...] = ()
        self._keeps = keep is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: dict[str, Session] = {}
        self._files = 0
        if keep is None:
            self.folder = Path(tempfile.mkdtemp(prefix="allonge-demo-"))
        else:
            make_private_directory(keep.absolute())
            self.folder = keep.absolute()

    # -- the node -------------------------------------------------------------------

    def found(self, start: date) -> JSONObject:
        """Make keys, sign a genesis with all of them, and found the ledger.

        Returns:
            ``chain``, ``members``, and how many keys and rule files there are.

        Raises:
            LedgerError: ``demo_node_failed``.
        """
        make_private_directory(self.path("files"))
        write_private(self.path("passphrase"), b"only for the demo\n")
        self.set_clock(start)
        found = found_chain(
            self.path("home"),
            self.path("genesis"),
            self.cast,
            band=self.facts["band"],
            time_ms=self._now_ms,
        )
        self.facts |= {"chain": found["chain"], "members": found["members"]}
        self._node("init", "--genesis-dir", str(self.path("genesis")))
        if self._process is None or self._process.wait(START_S_MAX):
            raise self._failure()
        return found

    def start(self) -> str:
        """Start the node on a free port, tell the wallets, return its URL.

        Raises:
            LedgerError: ``demo_node_failed``.
        """
        port_file = self.path("port")
        more = ("--clock", str(self.path("clock")), "--port-file", str(port_file))
        process = self._node("start", *more)
        deadline = time.monotonic() + START_S_MAX
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise self._failure()
            time.sleep(POLL_S)
        url = f"http://127.0.0.1:{port_file.read_text('ascii').strip()}"
        for actor in self.cast:
            member = self.member(actor.name)
            for wallet in actor.wallets:
                self.run(
                    *("wallet", "connect", url, "--chain", self.facts["chain"]),
                    *("--member", member),
                    wallet=wallet,
                    unlocks=False,
                )
        self.commands.clear()
        return url

    def _node(self, command: str, *more: str) -> subprocess.Popen[bytes]:
        # Unsafe paths are left out, or a folder called node in the user's
        # directory would be run. In a session of its own the node gets no
        # Ctrl-C from the terminal; close() ends it.
        words = [sys.executable, "-P", "-m", "node", command]
        words += ["--data", str(self.path("ledger")), *more]
        with self.path("node.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def _failure(self) -> LedgerError:
        log = self.path("node.log").read_text("utf-8", "replace")
        return LedgerError("demo_node_failed", found=(log.splitlines() or [""])[-1])

    def stop(self) -> None:
        """End the node in order, by its own process id."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S_MAX)
        finally:
            # Does nothing to a process that has ended.
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the node and remove the folder, unless it is to be kept."""
        try:
            self.stop()
        finally:
            if not self._keeps:
                shutil.rmtree(self.folder, ignore_errors=True)

    # -- the clock ------------------------------------------------------------------

    def set_clock(self, day: date, hour: int = MORNING_HOUR) -> None:
        """Let the node's clock show an hour of a day in the programme's zone."""
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        moment -= timedelta(minutes=OFFSET_MINUTES)
        self.facts["today"] = day
        self._now_ms = int(moment.timestamp()) * 1000
        # Whole or not at all, and at once: a clock need not survive a crash.
        part = self.path("clock.part")
        part.write_text(f"{self._now_ms}\n", "ascii")
        part.replace(self.path("clock"))

    @property
    def today(self) -> date:
        """The date in the programme's zone."""
        found: date = self.facts["today"]
        return found

    def money(self, amount_minor: int) -> str:
        """Return an amount with the ISO code of the demo's currency."""
        return format_amount(amount_minor, self.facts["currency"])

    # -- commands -------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Return a path in the folder."""
        return self.folder / name

    def member(self, name: str) -> str:
        """Return a member's full id."""
        return str(self.facts["members"][name])

    def session(self, wallet: str) -> Session:
        """Return what a command of a wallet works with."""
        if wallet not in self._sessions:
            folder = open_folder(wallet, self.path("home"))
            self._sessions[wallet] = Session(
                folder, passphrase_file=self.path("passphrase")
            )
        return self._sessions[wallet]

    def run(self, *words: str, wallet: str = "", unlocks: bool = True) -> Any:
        """Return what a command prints with ``--json``.

        Args:
            words: of the command line, without the program's name.
            wallet: whose, if one takes part.
            unlocks: whether the command may need the key.

        Raises:
            LedgerError: what the command ends with.
        """
        from cli.main import allonge

        plumbing = ["--json"]
        if wallet:
            plumbing += ["--wallet", wallet, "--home", str(self.path("home"))]
        if wallet and unlocks:
            plumbing += ["--passphrase-file", str(self.path("passphrase"))]
        self._note(words, wallet)
        raw = io.BytesIO()
        taken = io.TextIOWrapper(raw, "utf-8")
        with redirect_stdout(taken), redirect_stderr(io.StringIO()):
            allonge.main([*words, *plumbing], standalone_mode=False)
        taken.flush()
        return json.loads(raw.getvalue())

    def _note(self, words: Sequence[str], wallet: str) -> None:
        from shlex import join

        who = ["--wallet", wallet] if wallet else []
        typed = join(["allonge", *words, *who])
        self.commands.append(typed.replace(f"{self.folder}{os.sep}", ""))

    def prepare(self, wallet: str, *words: str) -> Path:
        """Return the unsigned signing file that a command writes."""
        self._files += 1
        path = self.path("files") / f"{self._files:02d}-{words[0]}.altx"
        self.run(*words, "--prepare", str(path), wallet=wallet)
        return path

    def sign(self, wallet: str, path: Path) -> None:
        """Sign a file: its screen is read, and what it amounts to is typed."""
        from cli.signing.acting import show_file

        screen = show_file(self.session(wallet), read_signing_file(path))
        self.screen = screen.lines
        self.run("sign", str(path), "--type-amount", screen.expected, wallet=wallet)

    def send(self, wallet: str, path: Path) -> JSONObject:
        """Return what became of a signed file."""
        found: JSONObject = self.run("send", str(path), wallet=wallet)
        return found

    def act(self, wallets: str, *words: str) -> JSONObject:
        """Prepare, sign and send an act.

        Args:
            wallets: who signs, separated by blanks; the first one prepares.
            words: of the command.

        Returns:
            What became of it: id, height, what was created.

        Raises:
            LedgerError: what the wallet or the node refuses with.
        """
        first, *others = wallets.split()
        path = self.prepare(first, *words)
        for wallet in (first, *others):
            self.sign(wallet, path)
        return self.send(first, path)

    # -- checks ---------------------------------------------------------------------

    def refused(self, attempt: Callable[[], object], *codes: str) -> LedgerError:
        """Return the refusal that an attempt must end with.

        Raises:
            LedgerError: ``demo_surprise``, it was accepted or refused with
                another code.
        """
        from cli.client import NodeError

        try:
            attempt()
        except NodeError as error:
            expect(" or ".join(codes), error.code, what="refusal", is_one_of=codes)
            return error
        raise LedgerError(
            "demo_surprise", expected=" or ".join(codes), found="accepted"
        )

    def wait_for(self, what: str, is_so: Callable[[], object]) -> None:
        """Return once something is so: what is due is done between requests.

        Raises:
            LedgerError: ``demo_surprise``, it does not become so.
        """
        deadline = time.monotonic() + WAIT_S_MAX
        while not is_so():
            if time.monotonic() > deadline:
                raise LedgerError("demo_surprise", expected=what, found="not so")
            time.sleep(POLL_S)

    def receivable(self) -> JSONObject:
        """Return the receivable as the auditor sees it."""
        path = f"/v1/receivables/{self.facts['receivable']}"
        found: JSONObject = self.session("auditor").client.get(path)
        return found


def expect(
    expected: object,
    found: object,
    *,
    what: str,
    is_one_of: Sequence[object] | None = None,
) -> None:
    """Return if something is as expected.

    Raises:
        LedgerError: ``demo_surprise``.
    """
    if found != expected if is_one_of is None else found not in is_one_of:
        raise LedgerError("demo_surprise", expected=f"{what}: {expected}", found=found)
