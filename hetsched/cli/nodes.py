"""`hetsched nodes`."""

import argparse

import tomli_w

from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish
from hetsched.studies.real_scenario import discovered


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", required=True, metavar="ADDR", help="auto, or host:port of its head")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Print the nodes of a running Ray cluster as a scenario lists them. See docs/clusters.md."""
    found = discovered(options.address)

    def listed() -> None:
        print("\n".join(f"[[cluster.nodes]]\n{tomli_w.dumps(table)}" for table in found), end="")

    finish(options, emit, {"cluster": {"nodes": found}}, listed, None)
