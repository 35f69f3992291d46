"""Arguments that several commands share. Each has one definition, so its help text is the same
everywhere."""

import argparse

from hetsched.argument_types import a_path, count, seconds, seed
from hetsched.cores import available_cores

SCENARIO = "a TOML file, or the name of a scenario that comes with hetsched, such as demo"
ADDRESS = "auto, or host:port of its head"


Arguments = argparse._ActionsContainer
"""A parser, or a group of its arguments."""


def add_further(parser: argparse.ArgumentParser, *, policies: bool = False, of_part: bool = False) -> None:
    """Add the arguments of every command, and --policy-file if the command uses `policies`.

    `of_part`: the parser is of a part of a command, such as `policies check`. If --json or
    --policy-file is not given there, the command's own value holds.
    """
    further = parser.add_argument_group("further options")
    if policies:
        _add_policy_files(further, argparse.SUPPRESS if of_part else [])
    default = argparse.SUPPRESS if of_part else False
    text = "print one JSON document on stdout and nothing else"
    further.add_argument("--json", action="store_true", default=default, help=text)
    further.add_argument("-h", "--help", action="help", help="print this and exit")


def _add_policy_files(arguments: Arguments, default: object) -> None:
    arguments.add_argument(
        "--policy-file",
        type=a_path,
        action="append",
        default=default,
        metavar="FILE.py",
        help="a Python file that registers policies of your own; may be repeated",
    )


def add_model_file(arguments: Arguments) -> None:
    arguments.add_argument(
        "--model-file",
        type=a_path,
        metavar="FILE.py",
        help="a Python file that registers models or trainers of your own, as real.model_file of a scenario",
    )


def add_scenario(arguments: Arguments) -> None:
    arguments.add_argument("scenario", type=a_path, metavar="SCENARIO", help=SCENARIO)


def add_out(arguments: Arguments) -> None:
    arguments.add_argument(
        "--out", type=a_path, metavar="DIR", help="the folder for the results, a new one (default: one in results/)"
    )


def add_strategies(arguments: Arguments, default: str = "the scenario's") -> None:
    arguments.add_argument(
        "--strategies",
        nargs="+",
        metavar="A+S",
        help=f"strategies, such as uniform+fifo fusion+hrfs (default: {default})",
    )


def add_baseline(arguments: Arguments, default: str, metavar: str = "A+S") -> None:
    text = f"what the others are compared with (default: {default})"
    arguments.add_argument("--baseline", metavar=metavar, help=text)


def add_seed(arguments: Arguments) -> None:
    arguments.add_argument("--seed", type=seed, metavar="N", help="the first random seed (default: the scenario's)")


def add_repeat(arguments: Arguments) -> None:
    text = "number of runs, each with the seed after the one before (default: 1)"
    arguments.add_argument("--repeat", type=count, default=1, metavar="N", help=text)


def add_jobs(arguments: Arguments) -> None:
    text = f"processes that simulate at once (default: one per core, here {len(available_cores())})"
    arguments.add_argument("--jobs", type=count, metavar="N", help=text)


def add_ray(arguments: Arguments) -> None:
    text = f"simulate on a running Ray cluster: {ADDRESS}; --jobs is the number of its cores that are used"
    arguments.add_argument("--ray", metavar="ADDR", help=text)


def add_device(arguments: Arguments) -> None:
    text = "the device to train on: cpu or cuda (default: cpu)"
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help=text)


def add_threads(arguments: Arguments) -> None:
    arguments.add_argument("--threads", type=count, default=1, metavar="N", help="CPU threads (default: 1)")


def add_data_dir(arguments: Arguments) -> None:
    arguments.add_argument(
        "--data-dir",
        type=a_path,
        metavar="DIR",
        help="the folder of the data set, as parquet (Hugging Face's layout) or as torchvision's files "
        "(default: the scenario's real.data_dir)",
    )


def add_report_interval(arguments: Arguments, default: float | None = None) -> None:
    shown = "the scenario's, which is 10 unless set" if default is None else f"{default:g}"
    arguments.add_argument(
        "--report-interval",
        type=seconds,
        default=default,
        metavar="SECONDS",
        help=f"seconds between printed lines where stderr is no terminal (default: {shown})",
    )


def add_cluster(arguments: Arguments) -> None:
    """Add the arguments that say where and how a real run is made."""
    add_data_dir(arguments)
    text = f"a running Ray cluster: {ADDRESS} (default: the scenario's real.address, else one is started here)"
    arguments.add_argument("--address", metavar="ADDR", help=text)
    add_report_interval(arguments)
    arguments.add_argument("--tensorboard", action="store_true", help="have Ray Tune write TensorBoard files")


def add_track(arguments: Arguments) -> None:
    arguments.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="TRACKER",
        help="mlflow or wandb: log metrics, hyperparameters and the report there; may be repeated",
    )
