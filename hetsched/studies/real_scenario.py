"""What a scenario needs for a real run: the nodes of a running Ray cluster, and files that
exist."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hetsched.domain.training_text import look_into
from hetsched.errors import InputError, path_of
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import scenario_file
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.studies.backends import backend
from hetsched.studies.inputs import studied


def load_scenario(path: Path | str, address: str | None = None) -> Scenario:
    """Read and check a scenario: a TOML file, or the name of a scenario that comes with hetsched,
    such as "demo".

    `cluster = "discover"` asks the Ray cluster at `address` for its nodes (default: the scenario's
    `real.address`). Raises InputError for a wrong scenario, with one line per problem.
    """
    return load_real_setup(scenario_file(path_of(path, "path")), address).scenario


def load_real_setup(path: Path, address: str | None = None) -> Setup:
    """Read and check the scenario in the file, and all that the scenario names. `address` is as in
    `load_scenario`."""
    return load_setup(path, lambda said: discovered(address or said))


def discovered(address: str | None) -> list[dict[str, Any]]:
    """The nodes of the Ray cluster at this address, in the form in which a scenario lists them.
    Raises InputError without an address."""
    if address is None:
        raise InputError('cluster: "discover" needs a running Ray cluster: name it with --address or real.address')
    return backend("ray").discover(address)


def for_real(setup: Setup, data_dir: Path | str | None = None, address: str | None = None) -> Setup:
    """The scenario with absolute paths in `[real]`. `data_dir` and `address` replace its own
    values, if given.

    Raises InputError if the folder of data or the file of models does not exist. Also if the text
    of a user's own training shows that its class cannot be imported.
    """
    scenario = setup.scenario
    if (source := scenario.training_source) is not None:
        try:
            look_into(source)
        except InputError as error:
            raise InputError(f"training.class: {error}; 'hetsched training check' tries it without Ray") from error
    real = scenario.real
    changes: dict[str, Any] = {}
    data = scenario.path(real.data_dir) if data_dir is None and real.data_dir is not None else data_dir
    if data is not None:
        if not Path(data).is_dir():
            raise InputError(f"real.data_dir: {data}: no such folder")
        changes["data_dir"] = str(Path(data).resolve())
    if real.model_file is not None:
        model_file = scenario.path(real.model_file)
        if not model_file.is_file():
            raise InputError(f"real.model_file: {model_file}: no such file")
        changes["model_file"] = str(model_file.resolve())
    if address is not None:
        changes["address"] = address
    return setup.replace(real=real.model_copy(update=changes))


@contextmanager
def studied_for_real(scenario: Scenario | Setup, policy_files: Iterable[Path | str] = ()) -> Iterator[Setup]:
    """As `studied`, with the setup that `for_real` makes."""
    with studied(scenario, policy_files) as setup:
        yield for_real(setup)
