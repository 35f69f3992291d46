"""Predict every recorded real run again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hetsched.errors import InputError
from hetsched.studies.fidelity.errors import Errors, Prediction, predict
from hetsched.studies.fidelity.recordings import is_recorded, read_recording, recorded
from hetsched.studies.fidelity.table import Change, by_factor, change, distributions, mean_parts, read_table


@dataclass(frozen=True, kw_only=True)
class FidelityResult:
    """The predictions by recording, and what the previous table says of the same recordings."""

    folder: Path
    predictions: dict[str, Prediction]
    change: Change | None

    @property
    def errors(self) -> list[Errors]:
        return [prediction.errors for prediction in self.predictions.values()]

    @property
    def simulator_s(self) -> float:
        """CPU seconds that the simulator took for all of them."""
        return sum(prediction.simulator_s for prediction in self.predictions.values())

    @property
    def measured_s(self) -> float:
        """Seconds that the real runs took."""
        return sum(one.measured_s for one in self.errors)

    @property
    def warnings(self) -> dict[str, list[str]]:
        """By recording, how the machine of the run differed from the machine of the probe."""
        return {name: found.warnings for name, found in self.predictions.items() if found.warnings}

    @property
    def assumptions(self) -> dict[str, list[str]]:
        """By recording, what its prediction assumed where the probe measured nothing."""
        return {name: found.assumptions for name, found in self.predictions.items() if found.assumptions}

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "folder": str(self.folder),
            "recordings": self.errors,
            "errors": distributions(self.errors),
            "factors": by_factor(self.errors),
            "parts": mean_parts(self.errors),
            "simulator_s": {name: found.simulator_s for name, found in self.predictions.items()},
            "assumptions": self.assumptions,
            "warnings": self.warnings,
            "change": self.change,
        }


def fidelity(folder: Path, only: Sequence[str] = ()) -> FidelityResult:
    """Predict the recordings in the folder: all, or `only` these. Raises InputError for a folder
    without recordings, and for a wrong recording."""
    wanted = list(only) or recorded(folder)
    if missing := [name for name in wanted if not is_recorded(folder, name)]:
        raise InputError(f"{folder}: {missing[0]} is not recorded: hetsched fidelity record --only {missing[0]}")
    if not wanted:
        raise InputError(f"{folder}: has no recordings: make them with hetsched fidelity record")
    predictions = {name: predict(read_recording(folder, name)) for name in wanted}
    errors = [prediction.errors for prediction in predictions.values()]
    return FidelityResult(folder=folder, predictions=predictions, change=change(errors, read_table(folder)))
