"""`hetsched nodes`."""

import argparse

import tomli_w

from hetsched.cli.arguments import ADDRESS
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish
from hetsched.studies.real_scenario import discovered

EXAMPLES = (
    "hetsched nodes --address auto",
    "hetsched nodes --address 10.0.0.1:6379",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", required=True, metavar="ADDR", help=f"the Ray cluster: {ADDRESS}")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Print the nodes of a running Ray cluster as a scenario lists them. See docs/clusters.md."""
    found = discovered(options.address)

    def listed() -> None:
        print("\n".join(f"[[cluster.nodes]]\n{tomli_w.dumps(table)}" for table in found), end="")

    finish(options, emit, {"cluster": {"nodes": found}}, listed, None)
