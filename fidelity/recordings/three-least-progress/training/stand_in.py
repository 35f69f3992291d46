"""A training that costs next to nothing and needs no library: points on a line, fitted by stochastic gradient descent.

With `busy_s` every iteration keeps a core busy for so many seconds of its time: that is for workers without a pace.
"""

import json
import random
import time
from pathlib import Path
from typing import Any


class StandIn:
    def __init__(self, options: dict[str, Any], resources: Any) -> None:
        self.busy_s = options.get("busy_s", 0.0)

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self.seed, self.iteration, self.slope = seed, 0, 0.0
        self.change(hyperparameters)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        self.rate = hyperparameters["lr"]

    def train(self, iterations: int) -> None:
        for _ in range(iterations):
            until = time.thread_time() + self.busy_s
            x = random.Random(f"{self.seed}-{self.iteration}").uniform(-1, 1)
            self.slope -= self.rate * (self.slope * x - 3 * x) * x
            self.iteration += 1
            while time.thread_time() < until:
                pass

    def evaluate(self) -> dict[str, float]:
        return {"loss": (self.slope - 3) ** 2}

    def save(self, folder: Path) -> None:
        state = {"seed": self.seed, "iteration": self.iteration, "slope": self.slope}
        (folder / "state.json").write_text(json.dumps(state))

    def load(self, folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        self.seed, self.iteration, self.slope = state["seed"], state["iteration"], state["slope"]
