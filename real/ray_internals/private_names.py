"""The private names of Ray and Tune 2.60 that this package uses, and the purpose of each.

tests/real/test_ray_internals.py checks that the installed Ray has them.
"""

from typing import NamedTuple


class PrivateName(NamedTuple):
    """A name, the module or class that has it (`module:class`), and what the name is used for.

    `set_by_init`: instances have the name, and `__init__` sets it.
    """

    owner: str
    name: str
    purpose: str
    set_by_init: bool = False


_WORKER, _CONSTANTS = "ray._private.worker", "ray._private.ray_constants"
_SERVICES, _UTILS = "ray._private.services", "ray._private.utils"
_CONTROLLER = "ray.tune.execution.tune_controller:TuneController"
_MANAGER = "ray.air.execution._internal:RayActorManager"
_NVIDIA = "ray._private.accelerators.nvidia_gpu:NvidiaGPUAcceleratorManager"
_CACHE = "ray.tune.utils.object_cache:_ObjectCache"
_CALLBACKS = "ray.tune.callback:CallbackList"
_SEARCH = "ray.tune.search.basic_variant:BasicVariantGenerator"
_MANAGED = "ray.train._internal.checkpoint_manager:_CheckpointManager"
_PBT = "ray.tune.schedulers.pbt:PopulationBasedTraining"
_SCORES = "ray.tune.schedulers.pbt:_PBTTrialState"
_SESSIONS, _TRAINABLE = "ray.train._internal.session", "ray.tune.trainable.trainable:Trainable"

PRIVATE_NAMES = (
    PrivateName(_WORKER, "_worker_logs_enabled", "keep what Ray says about dead processes out of stdout"),
    PrivateName(_WORKER, "_global_node", "keep files of trainables among those of Ray"),
    PrivateName(_CONSTANTS, "ENABLE_RAY_CLUSTER", "bind Ray to 127.0.0.1 alone"),
    PrivateName(_CONSTANTS, "ENABLE_RAY_CLUSTERS_ENV_VAR", "bind Ray's other processes to 127.0.0.1 alone"),
    PrivateName(_SERVICES, "canonicalize_bootstrap_address", "know which cluster the address auto is of"),
    PrivateName(_UTILS, "set_sigterm_handler", "leave SIGTERM to whoever handles it"),
    PrivateName(_NVIDIA, "_gpu_name_to_accelerator_type", "tell the types of GPUs of a mixed node as Ray names them"),
    PrivateName(_CONTROLLER, "_actor_cache", "keep one idle actor per worker", set_by_init=True),
    PrivateName(_CONTROLLER, "_actor_manager", "kill the actors of a worker that left", set_by_init=True),
    PrivateName(_CONTROLLER, "_trial_to_actor", "see whether a trial has an actor", set_by_init=True),
    PrivateName(_CONTROLLER, "_staged_trials", "see whether a trial is on its way to an actor", set_by_init=True),
    PrivateName(_CONTROLLER, "_resetting_trials", "start a trial again whose actor died in a reset", set_by_init=True),
    PrivateName(_CONTROLLER, "_set_trial_status", "park trials, and queue those that start"),
    PrivateName(_CONTROLLER, "_unstage_trial_with_resources", "take a trial back that waits for an actor"),
    PrivateName(_CONTROLLER, "_process_trial_failure", "learn what a trial failed of"),
    PrivateName(_CONTROLLER, "_schedule_trial_train", "give an actor its order with the call of train"),
    PrivateName(_CONTROLLER, "_schedule_trial_task", "give an actor its order with the call of train"),
    PrivateName(_CONTROLLER, "_on_training_result", "give an actor its order with the call of train"),
    PrivateName(_CONTROLLER, "_trial_task_failure", "give an actor its order with the call of train"),
    PrivateName(_CONTROLLER, "_schedule_trial_reset", "let a kept actor go on with another trial at once"),
    PrivateName(_CONTROLLER, "_on_trial_reset", "let a kept actor go on with another trial at once"),
    PrivateName(_CONTROLLER, "_maybe_add_actors", "let a kept actor go on with another trial at once"),
    PrivateName(_CONTROLLER, "_callbacks", "hear in a drop-in of actors that are ready and of saves", set_by_init=True),
    PrivateName(_CONTROLLER, "_queued_trial_decisions", "have a saved trial go on in its place", set_by_init=True),
    PrivateName(_CONTROLLER, "_reuse_actors", "see whether the user lets actors be kept", set_by_init=True),
    PrivateName(_CALLBACKS, "_callbacks", "hear in a drop-in of actors that are ready and of saves", set_by_init=True),
    PrivateName(_SEARCH, "get_state", "leave out of Tune's snapshots what holds the search open"),
    PrivateName(_MANAGER, "_actor_task_failed", "take every error of a task for a death of its actor"),
    PrivateName(_MANAGER, "_actor_start_failed", "take every error of a start for a death of its actor"),
    PrivateName(_MANAGER, "_live_actors_to_ray_actors_resources", "find the actors of a placement", set_by_init=True),
    PrivateName(_CACHE, "increase_max", "keep one more idle actor"),
    PrivateName(_CACHE, "decrease_max", "keep one idle actor less"),
    PrivateName(_CACHE, "has_cached_object", "see whether an idle actor is kept"),
    PrivateName(_CACHE, "pop_cached_object", "let go of an idle actor"),
    PrivateName(_PBT, "_trial_state", "forget the score of a state that is lost", set_by_init=True),
    PrivateName(_PBT, "_get_new_config", "explore as Ray does"),
    PrivateName(_PBT, "_metric", "name the metric of a drop-in", set_by_init=True),
    PrivateName(_PBT, "_mode", "name the metric's direction", set_by_init=True),
    PrivateName(_PBT, "_hyperparam_mutations", "name the search space of a drop-in", set_by_init=True),
    PrivateName(_MANAGED, "_latest_checkpoint_result", "say which checkpoint a trial goes on from", set_by_init=True),
    PrivateName(_PBT, "_checkpoint_or_exploit", "pass over no source: every finished segment has left a checkpoint"),
    PrivateName(_PBT, "_exploit", "let a trial count its own iterations only"),
    PrivateName("ray.tune.schedulers.pbt", "_PBTTrialState", "keep Ray from formatting all scores at every result"),
    PrivateName(_SCORES, "last_score", "forget the score of a state that is lost", set_by_init=True),
    PrivateName(_SCORES, "last_checkpoint", "exploit what a source had at its last boundary", set_by_init=True),
    PrivateName(_SCORES, "last_result", "exploit what a source had at its last boundary", set_by_init=True),
    PrivateName(_SCORES, "last_perturbation_time", "look at a trial again that fell back, or copied", set_by_init=True),
    PrivateName(_SCORES, "last_train_time", "look at a trial again that fell back, or copied", set_by_init=True),
    PrivateName(_SESSIONS, "_session", "answer a function that calls tune.report"),
    PrivateName(
        _SESSIONS,
        "_TrainingResult",
        "say which checkpoint, and how many iterations, something goes on from",
    ),
    PrivateName(_TRAINABLE, "_setup_logdir", "keep trainables out of ~/ray_results"),
    PrivateName(_TRAINABLE, "_logdir", "keep trainables out of ~/ray_results", set_by_init=True),
)
