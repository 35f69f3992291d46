"""The training of `benchmarks.trivial` for Tune's own PBT."""

import os
from pathlib import Path
from typing import Any

from ray import tune

from benchmarks.meeting import meet


class Stock(tune.Trainable):
    """A trainable whose state is one number. A step takes no time."""

    def setup(self, config: dict[str, Any]) -> None:
        self._met = False
        self._iterations = 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True

    def step(self) -> dict[str, Any]:
        if not self._met:
            meet(str(os.getpid()))
            self._met = True
        self._iterations += 1
        return {"accuracy": self._iterations * self.config["lr"]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "iterations").write_text(str(self._iterations))

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self._iterations = int(Path(checkpoint_dir, "iterations").read_text())
