"""`hetsched nodes`."""

import argparse

import tomli_w

from hetsched.cli.shared import Emit, discovered, finish


def nodes(options: argparse.Namespace, emit: Emit) -> None:
    """Print the nodes of a running Ray cluster as a scenario lists them. See docs/clusters.md."""
    found = discovered(options.address)

    def listed() -> None:
        print("\n".join(f"[[cluster.nodes]]\n{tomli_w.dumps(table)}" for table in found), end="")

    finish(options, emit, {"cluster": {"nodes": found}}, listed, None)
