"""The table of trials: one row per trial, as it was at the end of its run."""

from collections.abc import Iterator

from hetsched.analysis.lineage import Family
from hetsched.analysis.tidy.columns import Column, Row, hyperparameter_columns
from hetsched.core.events import Event
from hetsched.core.state import State
from hetsched.core.trial import status_of

COLUMNS = (
    Column("trial", "text", "the trial"),
    Column("experiment", "text", "the experiment of the trial"),
    Column("model", "text", "what was trained"),
    Column("dataset", "text", "on what"),
    Column("batch_size", "int", "in batches of so many", "samples"),
    Column("status", "text", "`ready`, `running` or `completed`"),
    Column("arrived_s", "float", "when it was added, since the start of the run", "s"),
    Column("completed_s", "float", "when it was completed, since the start of the run", "s"),
    Column("iterations", "int", "the count by which it stops", "iterations"),
    Column("trained_iterations", "int", "those that it trained itself and did not lose", "iterations"),
    Column("lineage_iterations", "int", "those behind its weights, whichever trials trained them", "iterations"),
    Column("score", "float", "the score of its weights"),
    Column("best_score", "float", "the best score that it has had"),
    Column("exploits", "int", "how often it copied another trial"),
)


class Trials:
    def __init__(self) -> None:
        self._family = Family()

    def __call__(self, state: State, event: Event) -> Iterator[Row]:
        """No rows: a trial has its row at the end."""
        self._family(event)
        return iter(())

    def rest(self, state: State) -> Iterator[Row]:
        for trial in state.trials.values():
            yield {
                "trial": trial.id,
                "experiment": trial.experiment,
                "model": trial.kind.model,
                "dataset": trial.kind.dataset,
                "batch_size": trial.kind.batch_size,
                "status": str(status_of(trial, state.running)),
                "arrived_s": trial.arrived,
                "completed_s": trial.completed,
                "iterations": trial.iterations,
                "trained_iterations": trial.trained,
                "lineage_iterations": self._family.behind(trial.id),
                "score": trial.score,
                "best_score": trial.best_score,
                "exploits": trial.exploits,
                **hyperparameter_columns(trial.hyperparameters),
            }
