# Sourced by run.sh and cluster.sh: the control plane of the cluster test, with a state of its own.
# shellcheck shell=bash disable=SC2034 source-path=SCRIPTDIR
SCALE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$SCALE/../../test/cluster/lib/common.sh"
LOGS=$PROJECT/.cache/scale/log
STATE=$PROJECT/.cache/scale/state
BUNDLE=$PROJECT/.cache/scale/driver
