"""The invoice inside a PDF: Factur-X, ZUGFeRD and XRechnung attachments.

A PDF of a stranger is opened by a process of its own that has little memory,
little time, and, where the system can take them away, no system calls but
reading what it was given and writing one answer.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

from cli.formats.markup import SIZE_BYTES_MAX, shown
from ledger.children import confine_process, limit_resources, start_child
from ledger.errors import LedgerError

MARK: Final = b"%PDF-"
MEMORY_BYTES: Final = 512 * 2**20
CPU_SECONDS: Final = 10
WAIT_S: Final = 30
ATTACHMENTS_MAX: Final = 100
# The names the three specifications give to the invoice, in small letters.
NAMES: Final = frozenset(
    ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "cii.xml", "ubl.xml")
)
NAME_SHOWN: Final = 40

_ASK: Final = "Ask the seller for the invoice's XML, then run: allonge draft FILE"


def read_attachment(raw: bytes) -> tuple[str, bytes]:
    """Return name and bytes of the invoice that a PDF carries.

    Args:
        raw: the file.

    Raises:
        LedgerError: ``pdf_too_large``, ``pdf_encrypted``, ``pdf_broken``;
            ``pdf_no_invoice``, ``pdf_several_invoices``.
    """
    if len(raw) > SIZE_BYTES_MAX:
        raise LedgerError("pdf_too_large", expected=f"at most {SIZE_BYTES_MAX} bytes")
    with start_child(__name__, stderr=subprocess.DEVNULL) as child:
        try:
            said, _ = child.communicate(raw, WAIT_S)
        except subprocess.TimeoutExpired as error:
            child.kill()
            raise LedgerError("pdf_too_large", expected=f"{WAIT_S} seconds") from error
    head, _, content = said.partition(b"\n")
    try:
        told: dict[str, str] = json.loads(head)
    except ValueError as error:
        # Its limits end it without a word.
        raise LedgerError("pdf_too_large", found=f"exit {child.returncode}") from error
    if "code" in told:
        raise LedgerError(told["code"], found=shown(told["found"]))
    return shown(told["name"], NAME_SHOWN), content


def main() -> None:
    """Answer for the PDF on standard input; in a process of its own."""
    import pypdf  # noqa: PLC0415 - only this process needs it

    answer = sys.stdout.buffer
    limit_resources(MEMORY_BYTES, CPU_SECONDS)
    raw = sys.stdin.buffer.read()
    # Once by itself, for what it loads when needed cannot be loaded later.
    sample = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_attachment("factur-x.xml", b"")
    writer.write(sample)
    _find_invoice(pypdf.PdfReader(sample))
    with suppress(LedgerError):  # other systems have the limits alone
        confine_process()
    content = b""
    try:
        name, content = _find_invoice(pypdf.PdfReader(io.BytesIO(raw)))
        told = {"name": name}
    except LedgerError as error:
        told = {"code": error.code, "found": str(error.found)}
    except (MemoryError, RecursionError, pypdf.errors.LimitReachedError) as error:
        told = {"code": "pdf_too_large", "found": type(error).__name__}
    except Exception as error:  # noqa: BLE001 - a parser of others on foreign bytes
        code = "pdf_encrypted" if b"/Encrypt" in raw else "pdf_broken"
        told = {"code": code, "found": type(error).__name__}
    answer.write(json.dumps(told).encode() + b"\n" + content)
    answer.flush()


def _find_invoice(reader: Any) -> tuple[str, bytes]:
    if reader.is_encrypted:
        raise LedgerError("pdf_encrypted")
    found: dict[str, Any] = {}
    names = []
    for count, each in enumerate(_attachments(reader)):
        if count == ATTACHMENTS_MAX:
            raise LedgerError("pdf_too_large", found=f"over {count} attachments")
        name = str(each.alternative_name or each.name)
        names.append(name[:NAME_SHOWN])
        if name.lower() in NAMES:
            content = each.content
            if len(content) > SIZE_BYTES_MAX:
                raise LedgerError("pdf_too_large", found=name)
            # Listed by name and as associated file it is still one.
            found.setdefault(f"{name}\0{content!r}", (name, content))
    if not found:
        listed = ", ".join(names[:5]) or "no attachment"
        raise LedgerError("pdf_no_invoice", found=listed)
    if len(found) > 1:
        raise LedgerError("pdf_several_invoices", found=", ".join(names[:5]))
    ((name, content),) = found.values()
    return name, bytes(content)


def _attachments(reader: Any) -> Any:
    from pypdf.generic import EmbeddedFile  # noqa: PLC0415 - loaded with the reader

    yield from reader.attachment_list
    for each in reader.root_object.get("/AF", []):
        item = each.get_object()
        yield EmbeddedFile(str(item.get("/UF", item.get("/F", ""))), item)
