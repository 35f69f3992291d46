"""The tables of docs/performance.md."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.tables import Cells, Maker, Value, measured

AT_SIZE = {"policy": "`{policy}`", "CPU s": "{seconds:.1f}", "MiB": "{memory_mib:.0f}"}
DECISIONS = {"a decision at the 99th percentile, ms": "{decision_p99_ms:.2f}"}
DEMO = AT_SIZE | {"CPU s": "{seconds:.3f}"}
CENTRE = {
    "cluster": "`{scenario}`",
    "policy": "`{policy}`",
    "CPU s": "{seconds:.1f}",
    "MiB": "{memory_mib:.0f}",
    "segments": "{segments:,.0f}",
    "makespan [s]": "{makespan_s:,.0f}",
    "mean wait [s]": "{wait_s:,.0f}",
}
POOL = {
    "policy": "`{policy}`",
    "trials x workers": "{trials:,.0f} x {workers:.0f}",
    "us per segment": "{segment_us:.1f}",
    "the bare pool": "{pool_us:.1f}",
    "ratio of speeds": "{ratio_to_bare_pool:.2f}",
}
DRIVER = {
    "workers": "{workers:.0f}",
    "driver": "{driver}",
    "trials": "{trials:.0f}",
    "segments per second": "{per_second:.1f}",
    "CPU ms per segment": "{cpu_ms:.2f}",
    "switch, ms": "{switch_ms:.0f}",
    "stay, ms": "{stay_ms:.0f}",
}
REACH = {"segment [s]": "{segment_s:g}", "workers": "{workers:,.0f}", "load of the driver": "{load:.2f}"}


def _of(size: str) -> Callable[[Mapping[str, Value]], bool]:
    return lambda row: row["size"] == size and row["policy"] != "bare pool"


def growth() -> Iterator[Cells]:
    """How the cost of a segment grows: the k of cost ~ size^k, by policy."""
    yield ["policy", "exponent in trials", "up to", "exponent in workers", "up to"]
    rows = read(MEASURED / "growth.csv")
    for policy in dict.fromkeys(row["policy"] for row in rows):
        cells = [f"`{policy}`"]
        for axis in ("trials", "workers"):
            points = [row for row in rows if (row["policy"], row["axis"]) == (policy, axis)]
            sizes, costs = ([float(row[name]) for row in points] for name in (axis, "segment_us"))
            cells += [f"{np.polyfit(np.log(sizes), np.log(costs), 1)[0]:.2f}", f"{max(sizes):,.0f}"]
        yield cells


TABLES: Mapping[str, Maker] = {
    "at-size-demo": measured("at_size.csv", DEMO, _of("demo"), by=lambda row: row["policy"]),
    "at-size-1k": measured("at_size.csv", AT_SIZE | DECISIONS, _of("1k"), by=lambda row: row["policy"]),
    "at-size-1k-kinds": measured("at_size.csv", AT_SIZE, _of("1k-kinds"), by=lambda row: row["policy"]),
    "at-size-10k": measured("at_size.csv", AT_SIZE | DECISIONS, _of("10k"), by=lambda row: row["policy"]),
    "at-size-100k": measured("at_size.csv", AT_SIZE, _of("100k"), by=lambda row: row["policy"]),
    "at-data-centre": measured("at_data_centre.csv", CENTRE),
    "bare-pool": measured("bare_pool.csv", POOL),
    "driver": measured("driver.csv", DRIVER, by=lambda row: (row["workers"], row["driver"], -float(row["trials"]))),
    "driver-reach": measured("driver_reach.csv", REACH),
    "growth": growth,
}
