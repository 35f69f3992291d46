"""Your own training in one file: a line is fitted to noisy points by stochastic gradient
descent."""

import json
import random


class Mine:
    """An iteration is a step on `batch` points."""

    def __init__(self, options, resources):
        self.batch = options.get("batch", 8)
        noise = random.Random(0)
        self.points = [(x / 100, 0.03 * x + 1 + noise.gauss(0, 0.1)) for x in range(-100, 100)]

    def start(self, hyperparameters, seed):
        self.random = random.Random(seed)
        self.slope, self.offset = self.random.gauss(0, 1), 0.0
        self.change(hyperparameters)

    def change(self, hyperparameters):
        self.rate = hyperparameters["lr"]

    def train(self, iterations):
        for _ in range(iterations):
            chosen = self.random.sample(self.points, self.batch)
            errors = [(self.slope * x + self.offset - y, x) for x, y in chosen]
            self.slope -= self.rate * sum(error * x for error, x in errors) / self.batch
            self.offset -= self.rate * sum(error for error, _ in errors) / self.batch

    def evaluate(self):
        errors = [self.slope * x + self.offset - y for x, y in self.points]
        return {"loss": sum(error**2 for error in errors) / 200, "worst": max(map(abs, errors))}

    def save(self, folder):
        state = {"slope": self.slope, "offset": self.offset, "random": self.random.getstate()}
        (folder / "state.json").write_text(json.dumps(state))

    def load(self, folder):
        state = json.loads((folder / "state.json").read_text())
        version, numbers, position = state["random"]
        self.random = random.Random()
        self.random.setstate((version, tuple(numbers), position))
        self.slope, self.offset = state["slope"], state["offset"]
