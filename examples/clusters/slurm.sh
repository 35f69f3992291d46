#!/usr/bin/env bash
# A Ray cluster for one job of Slurm's, on all hosts of the job, and a run on it:
#
#     sbatch slurm.sh scenario.toml --strategy fusion+hrfs --data-dir DIR --out DIR
#
# scenario.toml says cluster = "discover", or lists nodes that are called like the hosts. Scenario, data and results are
# in a file system that all hosts share, as is the folder from which the job is submitted.
#SBATCH --job-name=hetsched
#SBATCH --nodes=4
#SBATCH --exclusive
#SBATCH --ntasks-per-node=1
#SBATCH --time=04:00:00
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
srun --overlap --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 bash -c '
  exec ray start --block --address="$head" --num-cpus="$SLURM_CPUS_ON_NODE" \
    --labels="hetsched-node=$(hostname -s)" --temp-dir="/tmp/ray-$SLURM_JOB_ID-node"' &

joined() { hetsched nodes --address "$head" 2>/dev/null | grep -c '^name = ' || true; }
until [ "$(joined)" -ge "$SLURM_JOB_NUM_NODES" ]; do
  sleep 2
done
hetsched run "$@" --address "$head"
