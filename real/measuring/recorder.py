"""Records learning curves for `hetsched record`: the scores of a training over its iterations,
under many hyperparameters."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import lru_cache, partial
from itertools import islice
from math import isfinite, nan
from multiprocessing import active_children, get_context

from hetsched.domain.cluster import CPU, NodeId, Worker, WorkerId
from hetsched.domain.metric import Metric
from hetsched.errors import InputError
from hetsched.studies.recording_plan import Evaluated, Recorded, RecordingPlan
from real.training.trainer import Settings, Trainer, check, make


def recordings(plan: RecordingPlan, numbers: Sequence[int]) -> Iterator[Recorded]:
    """The recordings with these numbers, each when it is finished. Ctrl-C and SIGTERM end the
    unfinished ones.

    Raises InputError before anything is trained, if something cannot be trained.
    """
    check(plan.experiment, plan.model_file, plan.data_dir, plan.training)
    if plan.jobs == 1:
        return map(partial(recording, plan), numbers)
    return _side_by_side(plan, numbers)


def _side_by_side(plan: RecordingPlan, numbers: Sequence[int]) -> Iterator[Recorded]:
    """Make several recordings at once. After an error no further recording begins."""
    left = iter(numbers)
    record_one = partial(recording, plan)
    # Fresh processes, as a GPU cannot be used after a fork. None is given work before it is idle: what the pool has
    # been given, it does.
    with ProcessPoolExecutor(plan.jobs, get_context("spawn")) as pool:
        under_way = {pool.submit(record_one, number) for number in islice(left, plan.jobs)}
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= {pool.submit(record_one, number) for number in islice(left, len(done))}
                for each in done:
                    yield each.result()
        except KeyboardInterrupt:
            for process in active_children():  # a signal may have come to this process alone
                process.terminate()
            raise


def recording(plan: RecordingPlan, number: int) -> Recorded:
    """Record one trial. The untrained trial is evaluated, and then the trial after every
    `plan.every` iterations. The score of the untrained trial is nan for a training that reports
    nothing before its first iteration."""
    trainer = _trainer(_settings(plan), plan.device, plan.threads)
    started = time.perf_counter()
    drawn = plan.drawn(number)
    trainer.reset(drawn.hyperparameters(0), drawn.seed)
    evaluations = [Evaluated(0, _score(plan, trainer) if plan.reports_untrained() else nan, None)]
    for done in plan.evaluated_at[:-1]:
        if any(begin == done for begin, _ in drawn.stages[1:]):
            trainer.configure(drawn.hyperparameters(done))
        loss = trainer.train(plan.every, None, drawn.kind.batch_size)
        said = loss if isinstance(loss, float) and isfinite(loss) else None
        evaluations.append(Evaluated(done + plan.every, _score(plan, trainer), said))
    return Recorded(number, evaluations, time.perf_counter() - started)


def _score(plan: RecordingPlan, trainer: Trainer) -> float:
    """The metric of the trainer's present trial. Raises InputError if the trainer did not report
    the metric, or a value that it cannot have."""
    metrics = trainer.evaluate()
    if plan.metric not in metrics:
        found = ", ".join(map(repr, metrics))
        raise InputError(
            f"evaluate did not report {plan.metric!r}: expected a reported metric, one of {found}: name it with "
            "--metric, or set metric.name of the experiment"
        )
    score = float(metrics[plan.metric])
    if (wrong := Metric(plan.metric).beyond(score)) is not None:
        raise InputError(f"evaluate reported {wrong}")
    return score


def _settings(plan: RecordingPlan) -> Settings:
    experiment = plan.experiment
    return Settings(
        experiment.model,
        experiment.dataset,
        max(experiment.batch_sizes),
        plan.data_dir,
        experiment.train_images,
        experiment.evaluation_images,
        plan.model_file,
        plan.augment,
        plan.speed_ups,
        plan.training,
        plan.options,
    )


@lru_cache(maxsize=1)
def _trainer(settings: Settings, device: str, threads: int) -> Trainer:
    """The trainer of this process, which makes one recording after another."""
    worker = Worker(WorkerId("here/0"), NodeId("here"), device, threads, float(device != CPU))
    return make(settings, worker, threads)
