"""The tables of docs/bounds.md."""

from collections.abc import Iterator, Mapping

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.tables import Cells, Maker, measured

PROBLEMS = {
    "like_trials": "10,000 trials to one stop iteration, 1,000 workers of 10 types",
    "trials_at_any_progress": "10,000 trials at 10,000 different numbers of iterations, the same workers",
    "any_allocation": "the same trials under any allocation of 1,000 nodes of 10 sizes, 4 to 64 cores",
    "trace": "a trace: 960 jobs of 26 kinds, gangs of 1 to 8, 960 arrivals, 36 GPUs of 3 types",
}
GAP = {
    "the best schedule is above the bound by": "in {figure}",
    "median": "{median:.1f}%",
    "ninth decile": "{ninth_decile:.0f}%",
}
MERGED = {
    "traces": "{traces:.0f}",
    "jobs per trace": "{jobs:.0f}",
    "the bound with 20 arrivals is lower by, median": "{median:.1f}%",
    "greatest": "{greatest:.1f}%",
}


def bounds() -> Iterator[Cells]:
    """The mean seconds of both bounds, by problem."""
    found = {(row["problem"], row["bound"]): float(row["ms_mean"]) for row in read(MEASURED / "bounds.csv")}
    yield ["problem", "makespan, ms", "mean JCT, ms"]
    for problem, words in PROBLEMS.items():
        yield [words, *(_in_ms(found[problem, bound]) for bound in ("makespan_bound", "jct_bound"))]


def _in_ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


TABLES: Mapping[str, Maker] = {
    "bounds": bounds,
    "bound-gap": measured("bound_gap.csv", GAP),
    "merged-arrivals": measured("merged_arrivals.csv", MERGED),
}
