"""Small PDF files with attachments, written by hand: sound ones and others."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

Attachment = tuple[str, bytes]


def stream(content: bytes, extra: str = "", *, flate: bool = True) -> bytes:
    """Return a stream object."""
    raw = zlib.compress(content) if flate else content
    kind = "/Filter /FlateDecode " if flate else ""
    head = f"<< {kind}{extra} /Length {len(raw)} >>\nstream\n".encode()
    return head + raw + b"\nendstream"


def assemble(objects: Sequence[bytes], trailer: str = "") -> bytes:
    """Return a file of numbered objects, of which the first is the catalog."""
    raw = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(raw))
        raw += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    begins = len(raw)
    raw += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    raw += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = f"<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>"
    raw += f"trailer\n{size}\nstartxref\n{begins}\n%%EOF\n".encode()
    return bytes(raw)


def make_pdf(
    attachments: Sequence[Attachment],
    *,
    listed: str = "names",
    flate: bool = True,
    trailer: str = "",
) -> bytes:
    """Return a PDF of one empty page with attachments.

    Args:
        attachments: names and bytes.
        listed: ``names``, ``kids`` (a name tree with a branch), ``af`` (associated
            files of the catalog) or ``both``.
        flate: whether they are compressed.
        trailer: more of the trailer.
    """
    objects: list[bytes] = [
        b"",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    ]
    specs = []
    for name, content in attachments:
        extra = "/Type /EmbeddedFile /Subtype /text#2Fxml"
        objects.append(stream(content, extra, flate=flate))
        file = f"<< /F {len(objects)} 0 R /UF {len(objects)} 0 R >>"
        text = f"({name})"
        spec = f"/F {text} /UF {text} /AFRelationship /Alternative /EF {file}"
        objects.append(f"<< /Type /Filespec {spec} >>".encode())
        specs.append((text, f"{len(objects)} 0 R"))
    pairs = " ".join(f"{text} {place}" for text, place in specs)
    tree = f"<< /Names [{pairs}] >>"
    if listed == "kids":
        objects.append(tree.encode())
        tree = f"<< /Kids [{len(objects)} 0 R] >>"
    names = f"/Names << /EmbeddedFiles {tree} >>" if listed != "af" else ""
    places = " ".join(place for _, place in specs)
    files = f"/AF [{places}]" if listed in ("af", "both") else ""
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R {names} {files} >>".encode()
    return assemble(objects, trailer)
