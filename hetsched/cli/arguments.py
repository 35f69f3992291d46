"""Arguments that several commands share."""

import argparse
from pathlib import Path

from hetsched.argument_types import count, seconds, seed

SCENARIO = "a TOML file, or the name of a scenario that comes with hetsched, such as demo"


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")


def add_policy_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--policy-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a Python file that registers policies of your own; may be repeated",
    )


def add_scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", type=Path, metavar="SCENARIO", help=SCENARIO)


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder for the results")


def add_strategies(parser: argparse.ArgumentParser, instead: str = "instead of the scenario's") -> None:
    parser.add_argument("--strategies", nargs="+", metavar="A+S", help=f"{instead}, such as uniform+fifo fusion+hrfs")


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=seed, metavar="N", help="the root seed (default: the scenario's first)")


def add_repeat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeat", type=count, default=1, metavar="N", help="repetitions, each with its seed")


def add_real(parser: argparse.ArgumentParser) -> None:
    """What commands that run for real take."""
    add_cluster(parser)
    add_repeat(parser)


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Where and how something is run for real."""
    parser.add_argument("--address", help="a running Ray cluster (default: start the scenario's here)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="folder of the data set: parquet (Hugging Face layout) or torchvision's",
    )
    parser.add_argument(
        "--report-interval",
        type=seconds,
        metavar="SECONDS",
        help="print a line so often where stderr is no terminal (default: the scenario's, 10)",
    )
    parser.add_argument("--tensorboard", action="store_true", help="have Tune write TensorBoard files")


def add_track(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="TRACKER",
        help="mlflow or wandb: log metrics, hyperparameters and the report there; may be repeated",
    )
