"""A typical script for Ray Tune, with its training as a class and as a function. The script does
not use hetsched."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

IMAGES, DIGITS = load_digits(return_X_y=True)
IMAGES = IMAGES / 16.0
ORDER = np.random.default_rng(0).permutation(len(IMAGES))
TRAINED, HELD_OUT = ORDER[:1200], ORDER[1200:]


def classifier(config):
    return SGDClassifier("log_loss", learning_rate="constant", eta0=config["eta0"], alpha=config["alpha"])


def epoch(model):
    model.partial_fit(IMAGES[TRAINED], DIGITS[TRAINED], classes=range(10))
    probabilities = model.predict_proba(IMAGES[HELD_OUT])
    return {
        "loss": log_loss(DIGITS[HELD_OUT], probabilities),
        "accuracy": np.mean(probabilities.argmax(axis=1) == DIGITS[HELD_OUT]),
    }


class Digits(tune.Trainable):
    def setup(self, config):
        self.model = classifier(config)

    def step(self):
        return epoch(self.model)

    def save_checkpoint(self, folder):
        (Path(folder) / "model.pkl").write_bytes(pickle.dumps(self.model))

    def load_checkpoint(self, folder):
        self.model = pickle.loads((Path(folder) / "model.pkl").read_bytes())
        self.model.set_params(**self.config)

    def reset_config(self, config):
        self.model.set_params(**config)
        return True


def train_digits(config):
    model = classifier(config)
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            model = pickle.loads((Path(folder) / "model.pkl").read_bytes())
        model.set_params(**config)
    while True:
        metrics = epoch(model)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.pkl").write_bytes(pickle.dumps(model))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


if __name__ == "__main__":
    pbt = PopulationBasedTraining(perturbation_interval=4, hyperparam_mutations={"eta0": tune.loguniform(1e-4, 1.0)})
    space = {"eta0": tune.loguniform(1e-4, 1.0), "alpha": tune.loguniform(1e-6, 1e-2)}
    config = tune.TuneConfig(metric="loss", mode="min", num_samples=8, scheduler=pbt)
    tune.Tuner(
        Digits, param_space=space, tune_config=config, run_config=tune.RunConfig(stop={"training_iteration": 20})
    ).fit()
