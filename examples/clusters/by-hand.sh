#!/usr/bin/env bash
# A Ray cluster by hand. The same token must be in ~/.ray/auth_token on every host ('ray get-auth-token --generate' makes
# one), or in the file that RAY_AUTH_TOKEN_PATH names. First on one host, then on every other, with options of 'ray start':
#
#     by-hand.sh head --node-ip-address=10.0.0.1
#     by-hand.sh node 10.0.0.1:6379 --labels=hetsched-node=fast
set -euo pipefail
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
source "$(dirname "${BASH_SOURCE[0]}")/health-checks.sh"

role="${1:?head, or node HEAD:6379}"
shift
case "$role" in
  head)
    # No cores: trials train on the nodes, so start one here, too, to use this host.
    ray start --head --port=6379 --num-cpus=0 --include-dashboard=false "$@"
    ;;
  node)
    ray start --address="${1:?the head, as 10.0.0.1:6379}" "${@:2}"
    ;;
  *)
    echo "by-hand.sh: head or node, not $role" >&2
    exit 2
    ;;
esac
