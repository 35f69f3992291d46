"""The top-level keys and the tables of a scenario file."""

from pydantic import Field

from hetsched.scenario.cluster_tables import ClusterTable
from hetsched.scenario.tables import (
    CheckpointsTable,
    FaultsTable,
    LearningTable,
    Many,
    MetricsTable,
    Name,
    OverheadsTable,
    PolicyOptions,
    ProfileTable,
    RealTable,
    Seed,
    Table,
)
from hetsched.scenario.training_table import TrainingTable
from hetsched.scenario.workload_tables import WorkloadTable


class ScenarioTables(Table):
    """The content of a scenario file. Each key is checked by itself. `Scenario` checks the keys
    together."""

    name: Name
    """Name of the scenario, which results and tables show."""
    strategies: list[str] = Field(min_length=1)
    """What is compared: ALLOCATION+SCHEDULING, by the names of policies."""
    baseline: str | None = None
    """Strategy that the others are compared with. Without it, the first of `strategies`."""
    seeds: Many = 10
    """How many seeds a comparison has."""
    first_seed: Seed = 0
    """The first of these seeds; the others follow it."""
    policy_files: list[str] = Field(default=[], examples=[["my_policy.py"]])
    """Python files that register policies, relative to the scenario."""
    cluster: ClusterTable
    """The machines; "discover" takes the nodes of the Ray cluster."""
    workload: WorkloadTable
    """What is trained."""
    profile: ProfileTable = ProfileTable()
    """Where step times come from."""
    overheads: OverheadsTable = OverheadsTable()
    """What the simulator charges beside training."""
    checkpoints: CheckpointsTable = CheckpointsTable()
    """Where checkpoints are kept."""
    learning: LearningTable = LearningTable()
    """How scores grow in a simulation."""
    faults: FaultsTable = FaultsTable()
    """What goes wrong in a simulation."""
    real: RealTable = RealTable()
    """How a real run is made."""
    training: TrainingTable | None = None
    """A training of your own."""
    metrics: MetricsTable = MetricsTable()
    """What runs are measured against."""
    allocation: PolicyOptions = Field(default={}, examples=[{"shared-gpu": {"k": 2}}])
    """Options of allocation policies by policy: arguments of its `__init__`."""
    scheduling: PolicyOptions = Field(default={}, examples=[{"lookahead": {"patience": 0.2}}])
    """Options of scheduling policies by policy: arguments of its `__init__`."""
