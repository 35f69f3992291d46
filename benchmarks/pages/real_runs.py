"""The tables of docs/real-runs.md and docs/ray-tune-dropin.md whose figures come from single
experiments."""

from collections.abc import Mapping

from benchmarks.pages.tables import Maker, as_kept, measured

SAMPLING = {"CPU per sample [ms]": "{cpu_ms:.2f}", "share of one core at the default interval [%]": "{share:.4f}"}
DROPIN = {
    "nodes": "{nodes}",
    "trials": "{trials:.0f}",
    "bundle of stock Tune": "`{bundle}`",
    "steps alone [s]": "{alone_s:.1f}",
    "stock Tune [s]": "{stock_s:.1f}",
    "drop-in [s]": "{dropin_s:.1f}",
    "stock Tune / drop-in": "{ratio:.2f}",
}

TABLES: Mapping[str, Maker] = {
    "noticed": as_kept("noticed.csv"),
    "checksums": as_kept("checksums.csv"),
    "unpaced-steps": as_kept("unpaced_steps.csv"),
    "late": as_kept("late.csv"),
    "sampling": measured("sampling.csv", SAMPLING),
    "speed-ups": as_kept("speed_ups.csv"),
    "dropin": measured("dropin.csv", DROPIN),
}
