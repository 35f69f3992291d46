"""JSON files for people to read."""

from pathlib import Path
from typing import Any

import msgspec


def write_json(path: Path, document: Any) -> None:
    """Write the document, indented, with a newline at its end."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
