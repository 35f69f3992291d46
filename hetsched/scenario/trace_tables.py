"""The tables with what the log of a cluster lacks, such as the models that its jobs train."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from hetsched.domain.cluster import CPU
from hetsched.scenario.tables import Count, Name, Seconds, Seed, Table
from hetsched.scenario.traces.cluster_job import Category
from hetsched.scenario.traces.dealing import CHECKPOINT_S, Dealing, DealtModel


class TraceModelTable(Table):
    """A model that is dealt to jobs of a cluster's trace. With `category`, only jobs of that size
    train it."""

    model: str
    """Model of the profile."""
    dataset: str | None = Field(default=None, examples=["cifar10"])
    """Data set of the model. Without it, the one that the profile has for the model."""
    batch_size: Count
    """Batch size."""
    category: Category | None = None
    """Jobs of this size train the model. Without it, any job may."""


class TraceModelsTable(Table):
    """What the trace of a cluster does not say. See `hetsched.scenario.traces.dealing`."""

    models: list[TraceModelTable] = Field(default=[])
    """Models that are dealt to jobs."""
    device: Name
    """GPU type on which the durations of the trace were measured."""
    seed: Seed = 0
    """Seed of the dealing."""
    jobs: Literal["all", "completed"] = "all"
    """Which jobs of the trace are read."""
    gangs: bool = True
    """Whether a job takes all its GPUs at once; else one GPU, for as many GPU-seconds or iterations."""
    window_s: tuple[Seconds, Seconds] | None = Field(default=None, strict=False, examples=[[0.0, 86400.0]])
    """Start and end of the part of the trace that is read, since its first job."""
    checkpoint_s: Annotated[float, Field(gt=0, le=1e9)] | Literal[False] = CHECKPOINT_S
    """Time between two checkpoints of a job on `device`; false: only the one at its end."""
    gpu_types: dict[str, Name] = Field(default={}, examples=[{"V100M16": "v100"}])
    """GPU types of the trace, and their names in the cluster."""

    @field_validator("checkpoint_s", mode="before")
    @classmethod
    def _is_an_interval_or_false(cls, given: object) -> object:
        if given is False or (isinstance(given, (int, float)) and given is not True and 0 < given <= 1e9):
            return given
        raise ValueError("expected seconds above 0, or false for no checkpoint before a job's end")

    @field_validator("window_s")
    @classmethod
    def _is_from_to(cls, window_s: tuple[float, float] | None) -> tuple[float, float] | None:
        if window_s is not None and window_s[0] >= window_s[1]:
            raise ValueError(
                f"expected its start and then its end, in seconds: {window_s[0]:g} is not before {window_s[1]:g}"
            )
        return window_s

    @field_validator("device")
    @classmethod
    def _is_a_gpu(cls, device: str) -> str:
        if device == CPU:
            raise ValueError("expected the type of a GPU, such as v100: the durations of the trace are those on GPUs")
        return device

    def dealing(self) -> Dealing:
        return Dealing(
            models=tuple(DealtModel(**table.model_dump()) for table in self.models),
            device=self.device,
            seed=self.seed,
            jobs=self.jobs,
            gangs=self.gangs,
            window_s=self.window_s,
            checkpoint_s=self.checkpoint_s or None,
            gpu_types=self.gpu_types,
        )
