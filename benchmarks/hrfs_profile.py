"""The profile of the cluster of HRFS, the predecessor, with its input pipeline in every iteration.

    python -m benchmarks.hrfs_profile --batch-ms 23 --evaluation-s 0.43 --out examples/hrfs-cluster/with-pipeline.csv
    python -m benchmarks.hrfs_profile --batch-ms 23 --evaluation-s 0.43 --paced \
        --out examples/hrfs-cluster/with-pipeline-paced.csv

It adds what `benchmarks.hrfs_pipeline` measures to the rows of the shipped profile `cpu-epyc` for batches of 512, of
torchvision's ResNet-18 and ResNet-50. The pipeline runs on one thread, so it takes as long on every number of cores.

The type of the GPU is unknown. Its rows have steps from 10 to 250 ms, for two orders of work. The scripts of HRFS read
nothing back from the GPU between two steps. So the GPU may work while the next batch is prepared, and an iteration
takes the longer of the two ("gpu-20ms"). A driver that waits, or a report to Tune at every iteration, may keep them
apart, and an iteration takes both ("gpu-20ms-in-turn"). An evaluation reads every batch back: it takes both.

`--paced` writes what a paced run of ResNet-18 declares of its stand-in. A pace stretches steps, but not evaluations. So
each iteration has its share of an evaluation per 50 iterations.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.scenario.profile_files import read_sources, write_profile

SOURCE = "cpu-epyc"
MODELS = {"resnet18": "cifar10", "resnet50": "cifar100"}
BATCH_SIZE, TEST_IMAGES = 512, 10_000
GPU_STEPS_MS = (10, 20, 50, 100, 250)
INTERVAL = 50
CORES = (4, 11, 12, 16, 20)
"""The cores of the CPU workers that `fusion` makes on the cluster."""
FORWARD = 1 / 3
"""A forward pass, as a share of forward plus backward."""


def gpu_type(step_ms: int, in_turn: bool) -> str:
    """The name of the GPU whose step takes that many milliseconds."""
    return f"gpu-{step_ms}ms" + ("-in-turn" if in_turn else "")


def with_pipeline(batch_s: float, evaluation_s: float) -> Iterator[ProfileRow]:
    """The rows, with the seconds of the pipeline per batch, and per evaluation of 10,000 images."""
    per_image = evaluation_s / TEST_IMAGES
    says = f"{1e3 * batch_s:g} ms of input pipeline per batch, {evaluation_s:g} s per evaluation of 10,000 images"
    for row in read_sources([SOURCE], Path()):
        if row.batch_size == BATCH_SIZE and MODELS.get(row.model) == row.dataset:
            assert row.evaluation_s_per_image is not None
            changed = {
                "seconds_per_iteration": round(row.seconds_per_iteration + batch_s, 6),
                "evaluation_s_per_image": round(row.evaluation_s_per_image + per_image, 9),
                "provenance": f"{SOURCE}, with {says}",
            }
            yield row.model_copy(update=changed)
    for model, dataset in MODELS.items():
        for step_ms in GPU_STEPS_MS:
            for in_turn in (False, True):
                step_s = step_ms / 1e3
                yield ProfileRow(
                    model=model,
                    dataset=dataset,
                    batch_size=BATCH_SIZE,
                    device=gpu_type(step_ms, in_turn),
                    cores=0,
                    gpu_share=1.0,
                    seconds_per_iteration=round(step_s + batch_s if in_turn else max(step_s, batch_s), 6),
                    evaluation_s_per_image=round(per_image + step_s / BATCH_SIZE * FORWARD, 9),
                    provenance=f"supposed: {step_ms} ms per step, {'after' if in_turn else 'beside'} {says}",
                )


def paced(rows: list[ProfileRow]) -> Iterator[ProfileRow]:
    """The declaration for a paced run: iterations of ResNet-18, each with its share of an
    evaluation, on the workers of the cluster."""
    times = StepTimes(rows, extrapolate=True)
    kind = TrialKind("resnet18", MODELS["resnet18"], BATCH_SIZE)
    gpus = [WorkerType(gpu_type(20, in_turn), 0, 1.0) for in_turn in (False, True)]
    for worker in [*(WorkerType(CPU, cores, 0.0) for cores in CORES), *gpus]:
        iteration_s = times.seconds_per_iteration(kind, worker)
        evaluation_s = TEST_IMAGES * times.costs(kind, worker).evaluation_s_per_image
        assert iteration_s is not None
        yield ProfileRow(
            model="stand-in",
            dataset="synthetic",
            batch_size=32,
            device=worker.device,
            cores=worker.cores,
            gpu_share=worker.gpu_share,
            seconds_per_iteration=round(iteration_s + evaluation_s / INTERVAL, 5),
            evaluation_s_per_image=0.0,  # it is in the iterations
            provenance=f"declared: what with-pipeline.csv says of {kind} on {worker}, "
            f"with a {INTERVAL}th of an evaluation of {TEST_IMAGES:,} images",
        )


def main() -> None:
    """Write the file. An existing file is replaced."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-ms", type=float, required=True, help="of the pipeline, per batch of 512")
    parser.add_argument("--evaluation-s", type=float, required=True, help="of the pipeline, per 10,000 images")
    parser.add_argument("--paced", action="store_true", help="what a paced run declares of its stand-in")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    options = parser.parse_args()
    rows = list(with_pipeline(options.batch_ms / 1e3, options.evaluation_s))
    write_profile(options.out, paced(rows) if options.paced else rows)


if __name__ == "__main__":
    main()
