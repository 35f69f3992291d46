"""Draw scenarios at random, and simulate all policies on them: the table of fresh draws of
docs/suite.md. The figures go into docs/measured.

python -m benchmarks.drawn_suites
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.kept_rows import MEASURED, keep

SEEDS = (1, 2, 3)
COUNT = 8


def main() -> None:
    for seed in SEEDS:
        with TemporaryDirectory(prefix="hetsched-drawn-") as folder:
            hetsched("suite", "generate", "--seed", str(seed), "--count", str(COUNT), "--out", f"{folder}/drawn")
            drawn = [str(path) for path in sorted(Path(folder, "drawn").glob("*.toml"))]
            hetsched("suite", *drawn, "--out", f"{folder}/suite")
            found = json.loads(Path(folder, "suite/summary.json").read_text())["policies"]
        rows = [
            {"seed": seed, "policy": policy, "ratio": figures["interquartile_mean"]["mean"]}
            for policy, figures in found.items()
        ]
        keep(MEASURED / "drawn_suites.csv", rows, ["seed", "policy"])
        print(f"seed {seed}: {len(rows)} policies", flush=True)


def hetsched(*words: str) -> None:
    """Run the command."""
    subprocess.run([sys.executable, "-m", "hetsched", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
