#!/usr/bin/env bash
# A Ray cluster for one job of Slurm's, on all hosts of the job, and a run on it:
#
#     sbatch slurm.sh scenario.toml --strategy fusion+hrfs --data-dir DIR --out DIR
#
# Hosts of more than one kind are the components of a heterogeneous job; all join:
#
#     sbatch --nodes=1 --exclusive --gres=gpu:2 : --nodes=3 --exclusive slurm.sh scenario.toml ...
#
# scenario.toml says cluster = "discover", or lists nodes that are called like the hosts. Scenario, data and results are
# in a file system that all hosts share, as is the folder from which the job is submitted.
#SBATCH --job-name=hetsched
#SBATCH --nodes=4
#SBATCH --exclusive
#SBATCH --ntasks-per-node=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@300
set -euo pipefail
folder="${SLURM_SUBMIT_DIR:?to be started with sbatch}"
source "$folder/health-checks.sh"

# A token of this job's own: others who reach these hosts must not run code on them.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
export RAY_AUTH_TOKEN_PATH="$folder/.ray-token-$SLURM_JOB_ID"
(umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$RAY_AUTH_TOKEN_PATH")
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT

# The batch script runs on the first host. The head there has no cores; that host has a node, too, like all others.
address="$(hostname --ip-address | awk '{print $1}')"
export head="$address:6379"
ray start --head --port=6379 --node-ip-address="$address" --num-cpus=0 --include-dashboard=false \
  --temp-dir="/tmp/ray-$SLURM_JOB_ID-head"
start_nodes() { # HOSTS [OPTIONS OF SRUN]: a node on each of the hosts of the job, or of one of its components
  local hosts="$1"
  shift
  srun "$@" --overlap --nodes="$hosts" --ntasks="$hosts" --ntasks-per-node=1 bash -c '
    exec ray start --block --address="$head" --num-cpus="$SLURM_CPUS_ON_NODE" \
      --labels="hetsched-node=$(hostname -s)" --temp-dir="/tmp/ray-$SLURM_JOB_ID-node"' &
}
hosts=0
if [ "${SLURM_HET_SIZE:-0}" -eq 0 ]; then
  hosts="$SLURM_JOB_NUM_NODES"
  start_nodes "$hosts"
else
  for ((component = 0; component < SLURM_HET_SIZE; component++)); do
    own="SLURM_JOB_NUM_NODES_HET_GROUP_$component"
    hosts=$((hosts + ${!own}))
    start_nodes "${!own}" --het-group="$component"
  done
fi

joined() { hetsched nodes --address "$head" 2>/dev/null | grep -c '^name = ' || true; }
until [ "$(joined)" -ge "$hosts" ]; do
  if [ "$SECONDS" -gt "${JOIN_S:-600}" ]; then
    echo "slurm.sh: only $(joined) of $hosts hosts have joined after $SECONDS s; see what srun says above" >&2
    exit 1
  fi
  sleep 2
done

# Slurm sends SIGTERM to this script 300 s before the time limit (--signal above). The run then finishes the segments
# that it trains; 'hetsched run --resume DIR' in the next job goes on with it.
hetsched run "$@" --address "$head" &
run=$!
trap 'kill -TERM "$run"' TERM
wait "$run" && status=0 || status=$?
while kill -0 "$run" 2>/dev/null; do # the signal has ended the wait, and the run goes on
  wait "$run" && status=0 || status=$?
done
exit "$status"
