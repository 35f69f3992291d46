"""Fit the learning models to the package's recordings of ResNet-18: the tables of held-out errors and
of noise in docs/learning.md. The figures go into docs/measured.

python -m benchmarks.held_out_errors
"""

from pathlib import Path

from benchmarks.kept_rows import MEASURED, keep
from hetsched.studies.fit import fit
from hetsched.studies.fit_result import FitOrder, Judged

NETWORK = "resnet18"


def main() -> None:
    found = fit(FitOrder(network=NETWORK))
    keep(MEASURED / "held_out_errors.csv", [row(model) for model in found.judged], ["model"])
    noises = {
        "by images": found.noise.by_images,
        f"by seed, of {found.noise.repeated} seeds": found.noise.between_seeds,
        "by seed, without the images' part": found.noise.by_seed,
    }
    rows = [{"noise": noise, "deviation": deviation} for noise, deviation in noises.items()]
    keep(MEASURED / "score_noise.csv", rows, ["noise"])


def row(model: Judged) -> dict[str, object]:
    """The errors of a model, all and by file: `cpu` is of the recordings on CPUs."""
    errors = {"all": model.held_out} | {
        Path(file).stem.rpartition("-")[2]: of_file for file, of_file in model.by_file.items()
    }
    figures: dict[str, object] = {"model": model.name, "constants": model.constants or None}
    for name, error in errors.items():
        figures[f"{name}_recordings"] = error.recordings
        figures[f"{name}_error"] = error.mean_absolute_error
        figures[f"{name}_spearman"] = error.spearman
    return figures


if __name__ == "__main__":
    main()
