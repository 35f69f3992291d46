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

TABLES: Mapping[str, Maker] = {
    "held-out-errors": measured("held_out_errors.csv", HELD_OUT),
    "score-noise": measured("score_noise.csv", NOISE),
}
