"""The result of a fit of learning models, as tables, as lines and as a part of a scenario."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from rich.table import Table

from hetsched.errors import counted, first_of
from hetsched.studies.fit_result import MEAN_CURVE, Errors, Fitted, Noise


def fit_table(fitted: Fitted) -> Table:
    """One row per model, the best first: its constants, and its error on held-out recordings.

    If the recordings come from several files, each file has a column with the model's error on that
    file.
    """
    files = _files_with_a_column(fitted)
    table = Table("model", "constants", "held-out error", "Spearman", header_style="bold")
    for file in files:
        table.add_column(_heading(file, fitted))
    for judged in fitted.judged:
        constants = str(judged.constants) if judged.constants else ""
        overall = judged.held_out
        of_files = [_words(judged.by_file[file]) for file in files]
        table.add_row(judged.name, constants, _error(overall), _spearman(overall), *of_files)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def fit_columns(fitted: Fitted) -> dict[str, str]:
    """What each column of the table says."""
    of_file = "error and Spearman's correlation on the recordings of this file (their number)"
    return {
        "model": f"predicts scores; {MEAN_CURVE}: without a look at the hyperparameters",
        "constants": "how many of its constants were fitted",
        "held-out error": f"|predicted - recorded| {fitted.metric} of recordings that were held out, the mean over "
        "their evaluations",
        "Spearman": "rank correlation of the predicted and the recorded final scores (1: the same order)",
        **{_heading(file, fitted): of_file for file in _files_with_a_column(fitted)},
    }


def _files_with_a_column(fitted: Fitted) -> list[str]:
    return list(fitted.files) if len(fitted.files) > 1 else []


def _heading(file: str, fitted: Fitted) -> str:
    return f"{Path(file).stem} ({fitted.files[file]})"


def noise_lines(noise: Noise) -> list[str]:
    """The standard deviation of a score's noise, in one line per source of noise."""
    lines = []
    if noise.by_images is not None:
        lines.append(f"noise by the images of an evaluation (binomial): {noise.by_images:.4f}")
    if noise.between_seeds is None:
        lines.append("noise by seed: unknown, as no configuration was recorded twice")
    else:
        without = f"; {noise.by_seed:.4f} without that of the images" if noise.by_images is not None else ""
        lines.append(f"noise by seed, of {noise.repeated} repeated recordings: {noise.between_seeds:.4f}{without}")
    if noise.changes:
        lines.append(
            f"options.noise is left out: noise by seed is {noise.early:.2g} in the first half of the evaluations and "
            f"{noise.late:.2g} in the other, and a model adds one noise to all scores; set it to fit the scores that "
            "decide"
        )
    return lines


def unscored_line(fitted: Fitted) -> str:
    """That some recordings are left out, because they have no score."""
    recordings = counted(len(fitted.unscored), "recording")
    return f"left out: {recordings} without a score after the first line: {first_of(fitted.unscored)}"


def diverged_line(fitted: Fitted) -> str:
    """That some recordings have diverged, and what to do."""
    names = first_of(fitted.diverged)
    return (
        f"{len(fitted.diverged)} of {sum(fitted.files.values())} recordings have diverged ({names}): their "
        f"{fitted.metric} grew more than 1000-fold, and decides all errors and constants here: record a narrower "
        "search space, or have evaluate return nan where training has diverged"
    )


def learning_toml(learning: Mapping[str, Any]) -> str:
    """The table `[learning]` of a scenario, as TOML."""
    return tomli_w.dumps({"learning": dict(learning)}).strip()


def _words(errors: Errors) -> str:
    return f"{_error(errors)}, {_spearman(errors)}" if errors.spearman is not None else _error(errors)


def _error(errors: Errors) -> str:
    return f"{errors.mean_absolute_error:.4g}"


def _spearman(errors: Errors) -> str:
    return "" if errors.spearman is None else f"{errors.spearman:.3f}"
