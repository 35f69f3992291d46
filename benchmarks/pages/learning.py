"""The tables of docs/learning.md."""

from collections.abc import Mapping

from benchmarks.pages.tables import Maker, measured

HELD_OUT = {
    "model": "`{model}`",
    "constants": "{constants:.0f}",
    "held-out error": "{all_error:.4f} ({all_spearman:.3f})",
    "CPU": "{cpu_error:.4f} ({cpu_spearman:.3f})",
    "GPU": "{h200_error:.4f} ({h200_spearman:.3f})",
}
NOISE = {"noise": "{noise}", "standard deviation": "{deviation:.4f}"}
SGD_ERRORS = {
    "recordings": "{recordings}",
    "predictor": "{predictor}",
    "number": "{number:.0f}",
    "mean absolute error": "{error:.4f}",
    "Spearman of final accuracies": "{spearman:.3f}",
}
NETWORKS = {
    "network": "`{network}`",
    "recordings": "{recordings:.0f}",
    "held-out error, `sgd`": "{sgd_error:.3f}",
    "mean curve": "{mean_error:.3f}",
}
EXTRAPOLATED = {
    "constants fitted to": "{fitted_to}",
    "mean absolute error": "{error:.3f}",
    "Spearman of final accuracies": "{spearman:.2f}",
    "best effective rate at batch 512": "{best_rate:.2f}",
}
RATES = {
    "effective rates": "{least_rate:.2g} to {greatest_rate:.2g}",
    "recordings": "{recordings:.0f}",
    "last training loss, mean": "{loss:.2f}",
    "recorded": "{least:.2f} to {greatest:.2f}",
    "`sgd`": "{least_predicted:.2f} to {greatest_predicted:.2f}",
}
LOWERED = {
    "effective rate": "{first_rate:.2f}",
    "lowered to": "{last_rate:.2f}",
    "iterations left": "{iterations_left:.0f}",
    "`sgd`": "{predicted:.2f}",
    "recorded": "{recorded:.2f}",
}

TABLES: Mapping[str, Maker] = {
    "held-out-errors": measured("held_out_errors.csv", HELD_OUT),
    "score-noise": measured("score_noise.csv", NOISE),
    "sgd-errors": measured("sgd_errors.csv", SGD_ERRORS),
    "sgd-networks": measured("sgd_networks.csv", NETWORKS),
    "sgd-extrapolated": measured("sgd_extrapolated.csv", EXTRAPOLATED),
    "sgd-rates": measured("sgd_rates.csv", RATES),
    "sgd-lowered": measured("sgd_lowered.csv", LOWERED),
}
