"""`hetsched serve`."""

import argparse
import sys

import msgspec

from hetsched.argument_types import a_path, port
from hetsched.cli.json_output import Emit
from hetsched.domain.entry_points import needed_for
from hetsched.report.printable import printable

PORT = 8765


EXAMPLES = ("hetsched serve results",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=a_path, metavar="DIR", help="a folder with results in it, at any depth")
    address = parser.add_argument_group("the address")
    text = f"TCP port to listen on. 0: a free one (default: {PORT})"
    address.add_argument("--port", type=port, default=PORT, metavar="N", help=text)
    text = "address to listen on (default: 127.0.0.1, which only this machine reaches)"
    address.add_argument("--host", default="127.0.0.1", metavar="HOST", help=text)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Show the runs and studies in DIR as pages, until Ctrl-C. A run that goes on is followed live.
    Open the address that is printed: it has the token that every request needs. Nothing is written,
    and nothing outside DIR is shown. See docs/serve.md."""
    with needed_for("hetsched serve", "serve"):
        from hetsched.report.server.access import is_local
        from hetsched.report.server.serving import serve

    def began(address: str) -> None:
        emit(msgspec.json.encode({"folder": str(options.folder), "address": address}))
        if not is_local(options.host):
            warning = "others can reach this address, unencrypted; docs/serve.md has a tunnel that is safer"
            print(f"hetsched: {warning}", file=sys.stderr)
        print(printable(f"{options.folder}: {address}"), flush=True)

    serve(options.folder, options.host, options.port, began)
