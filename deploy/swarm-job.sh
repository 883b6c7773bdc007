#!/bin/sh
# A rollout in shards as a replicated job of Docker Swarm, to be called on a manager. docs/shards.md says more.
#
#   swarm-job.sh apply ROLLOUT N PLAYBOOK [ARG…]   N shards, each a task; waits for their end, then merges
#   swarm-job.sh merge ROLLOUT [ARG…]              one report of the rollout, and one exit status
#   swarm-job.sh resume ROLLOUT RUN [ARG…]         goes on with the run of a shard, as `merge` says; then merges
#   swarm-job.sh remove ROLLOUT                    removes the rollout's services, and ends what still runs; its runs stay in the journal
#
# ARG… are dtrctl's own. The services are called dtrctl-ROLLOUT and dtrctl-resume-RUN. What they are made of, from the environment:
#
#   DTRCTL_IMAGE        dtrctl; with dtrctl, ssh and sh in it, and to be had on every node
#   DTRCTL_FILES_MOUNT  type=bind,source=/srv/dtrctl,target=/files,readonly; playbooks and inventory. Paths begin there
#   DTRCTL_RUNS_MOUNT   type=volume,source=dtrctl-runs,target=/runs; the journal. On several nodes it has to be one volume of all
#   DTRCTL_KEY          dtrctl-key; the secret with the private key
#   DTRCTL_KNOWN_HOSTS  dtrctl-known-hosts; the config with the hosts' keys
#   DTRCTL_NETWORK      host; the network of the tasks
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 1
}

image=${DTRCTL_IMAGE:-dtrctl}
runs=${DTRCTL_RUNS_MOUNT:-type=volume,source=dtrctl-runs,target=/runs}

# job NAME ROLLOUT N COMMAND…: N tasks of the command. None is restarted: see below for what Swarm does all the same.
job() {
    name=$1 rollout=$2 count=$3
    shift 3
    docker service create --quiet --detach --with-registry-auth --name "$name" --label "dtrctl.rollout=$rollout" \
        --mode replicated-job --replicas "$count" --restart-condition none --stop-grace-period 5m \
        --network "${DTRCTL_NETWORK:-host}" --hostname '{{.Node.Hostname}}' --workdir /files \
        --mount "${DTRCTL_FILES_MOUNT:-type=bind,source=/srv/dtrctl,target=/files,readonly}" --mount "$runs" \
        --secret "source=${DTRCTL_KEY:-dtrctl-key},target=dtrctl-key,mode=0400" \
        --config "source=${DTRCTL_KNOWN_HOSTS:-dtrctl-known-hosts},target=/etc/ssh/ssh_known_hosts" \
        --env 'SLOT={{.Task.Slot}}' --env 'NODE={{.Node.ID}}' --env "SHARDS=$count" \
        --env "DTRCTL_ROLLOUT=$rollout" --env DTRCTL_JOURNAL=/runs "$image" "$@" >/dev/null
    wait_for_end "$name"
}

# Until no task of a service is to run any more. `docker service create` itself would wait for ever where one has failed.
wait_for_end() {
    ended=0 refused=0
    while [ "$ended" -lt 2 ] && [ "$refused" -lt 10 ]; do
        sleep 1
        states=$(docker service ps --format '{{.CurrentState}}' "$1") || fail "the service $1 is gone"
        # A task that Swarm puts in a failed one's place comes a moment later.
        case $states in
        '' | *New* | *Pending* | *Assigned* | *Accepted* | *Preparing* | *Ready* | *Starting* | *Running*) ended=0 ;;
        *) ended=$((ended + 1)) ;;
        esac
        # One that no node can start, for want of its image or of a mount's source, is tried again and again.
        case $states in
        *Running*) refused=0 ;;
        *Rejected*) refused=$((refused + 1)) ;;
        esac
    done
    # What they say of hosts `merge` says again; what went wrong stands in the other stream.
    docker service logs "$1" >/dev/null || true
    docker service ps --no-trunc --format '{{if .Error}}{{.Name}} on {{.Node}}: {{.Error}}{{end}}' "$1" | grep . | sort -u >&2 || true
    [ "$refused" -eq 0 ] || docker service rm "$1" >/dev/null
}

# On this node, as nothing but the journal is needed.
merge() {
    rollout=$1
    shift
    docker run --rm --mount "$runs" --network none "$image" dtrctl runs merge --rollout "$rollout" --journal /runs "$@"
}

[ $# -ge 2 ] || usage
command=$1 rollout=$2
shift 2
case $command in
apply)
    [ $# -ge 2 ] || usage
    count=$1
    shift
    # Slots of a job count from 0, shards from 1; and in place of slot 0 Swarm's template gives the node's id. Templates are
    # filled in --env and --hostname, not in the command. A task that has failed, or was killed, Swarm may begin once more, though it
    # is told not to: dtrctl then finds its shard begun already and leaves it alone.
    # shellcheck disable=SC2016  # expanded in the task
    job "dtrctl-$rollout" "$rollout" "$count" sh -c '[ "$SLOT" != "$NODE" ] || SLOT=0
        exec dtrctl apply "$@" --private-key /run/secrets/dtrctl-key --shard "$((SLOT + 1))/$SHARDS"' sh "$@"
    merge "$rollout"
    ;;
merge) merge "$rollout" "$@" ;;
resume)
    [ $# -ge 1 ] || usage
    docker service rm "dtrctl-resume-$1" >/dev/null 2>&1 || true
    job "dtrctl-resume-$1" "$rollout" 1 dtrctl resume "$@"
    merge "$rollout"
    ;;
remove)
    services=$(docker service ls --quiet --filter "label=dtrctl.rollout=$rollout")
    [ -n "$services" ] || fail "no service is of the rollout $rollout"
    # shellcheck disable=SC2086  # words
    docker service rm $services
    ;;
*) usage ;;
esac
