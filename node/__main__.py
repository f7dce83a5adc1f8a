"""``python -m node init`` and ``python -m node start``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from pathlib import Path
from typing import Final

from ledger.chain import Chain
from ledger.errors import LedgerError
from node.api import create_app
from node.config import Config
from node.engine import Node
from node.problems import dump_json
from node.server import bind, serve

GENESIS_FILE: Final = "genesis.json"
PUBLICATIONS_FILE: Final = "publications.ndjson"
SALT_FILE: Final = "salt_secret"

log = logging.getLogger("node")


def main(arguments: list[str]) -> int:
    """Run a command and return the exit code: 0, 1 for a named failure."""
    options = _parse(arguments)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    try:
        if options.command == "init":
            return _init(options.data, options.genesis_dir)
        return _start(_read_config(options))
    except (LedgerError, OSError) as error:
        named = _name(error)
        fix = str(named.details.get("fix", named.row.fix))
        log.error("%s", named)  # noqa: TRY400 - a named failure needs no trace
        _say({"code": named.code, "error": str(named)[:300], "fix": fix})
        return 1


def _name(error: LedgerError | OSError) -> LedgerError:
    if isinstance(error, LedgerError):
        return error
    found = error.strerror or type(error).__name__
    path = {"path": error.filename} if error.filename else {}
    return LedgerError("node_file_unusable", found=found, **path)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m node")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="found a ledger from its genesis files")
    init.add_argument("--data", type=Path, required=True)
    init.add_argument("--genesis-dir", type=Path, required=True)
    start = commands.add_parser("start", help="serve a ledger")
    start.add_argument("--data", type=Path, required=True)
    start.add_argument("--host", default="127.0.0.1")
    start.add_argument("--port", type=int, default=0)
    start.add_argument("--clock", type=Path)
    start.add_argument("--port-file", type=Path)
    start.add_argument("--certificate", type=Path)
    start.add_argument("--key", type=Path)
    start.add_argument("--metrics", action="store_true")
    return parser.parse_args(arguments)


def _read_config(options: argparse.Namespace) -> Config:
    config = Config(
        data=options.data,
        host=options.host,
        port=options.port,
        clock=options.clock,
        port_file=options.port_file,
        certificate=options.certificate,
        key=options.key,
        metrics=options.metrics,
    )
    config.check_host()
    return config


def _init(data: Path, genesis_dir: Path) -> int:
    """Found a ledger; the salt's secret is in the ledger's folder afterwards."""
    publications = (genesis_dir / PUBLICATIONS_FILE).read_bytes().splitlines()
    secret = (genesis_dir / SALT_FILE).read_text("ascii").strip()
    try:
        salt = bytes.fromhex(secret)
    except ValueError as error:
        raise LedgerError("untrusted", expected=f"hex in {SALT_FILE}") from error
    genesis = (genesis_dir / GENESIS_FILE).read_bytes().rstrip(b"\n")
    chain = Chain.found(genesis, publications, salt, folder=data)
    _say({"chain": chain.chain_id, "height": chain.header.height})
    chain.close()
    return 0


def _start(config: Config) -> int:
    """Serve until told to stop."""
    # Opening would make the folder, and so hide that another one was meant.
    if not config.data.is_dir():
        raise LedgerError("no_ledger", path=config.data)
    with bind(config) as listener:
        return _serve(config, listener)


def _serve(config: Config, listener: socket.socket) -> int:
    port = listener.getsockname()[1]
    try:
        node = Node.open(config.data, config.clock)
    except LedgerError as error:
        # What was never founded; a ledger with a part missing is something else.
        if (error.code, error.expected) != ("incomplete", "a founded ledger"):
            raise
        raise LedgerError("no_ledger", path=config.data) from error

    def announce() -> None:
        scheme = "https" if config.is_secure else "http"
        host = f"[{config.host}]" if ":" in config.host else config.host
        if config.port_file is not None:
            _write_whole(config.port_file, f"{port}\n")
        _say(
            {
                "chain": node.chain.chain_id,
                "height": node.chain.header.height,
                "url": f"{scheme}://{host}:{port}",
            }
        )

    try:
        app = create_app(node, shows_metrics=config.metrics)
        asyncio.run(serve(app, config, listener, announce))
    finally:
        node.close()
        log.info("stopped at block %d", node.chain.header.height)
    return 0


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, "ascii")
    part.replace(path)


def _say(facts: dict[str, object]) -> None:
    sys.stdout.buffer.write(dump_json(facts) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
