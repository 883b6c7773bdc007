# shellcheck shell=bash
# shellcheck disable=SC2034  # every name here is read by the files that source this one
#
# Names, addresses and paths of the lab, and the three words every part of it speaks: say, die, wait_for.

# Debian keeps dockerd, runc, ip and debootstrap in the sbin folders, which a login user's PATH lacks.
PATH=$PATH:/usr/sbin:/sbin

# Everything a running lab has on disk. `lab down` removes the whole folder.
STATE=${DTRCTL_LAB:-/var/lib/dtrctl-lab}
# What is slow to make and does not change: the images' tarballs. `lab down` leaves it alone.
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dtrctl-lab

# 198.18.0.0/15 is set aside for tests of network gear (RFC 2544): no office or home network uses it.
SUBNET=198.18.0.0/24
GATEWAY=198.18.0.1         # the lab's bridge
DNS=198.18.0.2             # answers "no such name" for whatever the lab does not know
MACHINE=198.18.0.254       # this machine's own end of the cable
REGISTRY_IP=198.18.0.10
SELFSIGNED_IP=198.18.0.11
CNONLY_IP=198.18.0.12
PLAIN_IP=198.18.0.13
host_ip() { printf '198.18.0.%s' $((20 + ${1#web})); }
MAX_HOSTS=200

# The only two things the lab puts onto the machine itself, each recognisable as the lab's.
CABLE=dtrlab0
MARK='# dtrctl-lab'

REGISTRY_USER=lab
REGISTRY_PASSWORD=lab-registry

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# wait_for SECONDS WHAT COMMAND... runs COMMAND until it succeeds; says what was waited for when it does not.
wait_for() {
    local limit=$1 what=$2 end
    shift 2
    end=$((SECONDS + limit))
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            say "waited $limit s for $what, in vain"
            return 1
        fi
        sleep 0.1
    done
}

# The lab's own engine. Debian's client by its full path: another one may stand in /usr/local/bin. The caller's
# docker settings (host, context, credentials) are kept out, and nothing is written to ~/.docker.
engine() {
    local docker=/usr/bin/docker
    [ -x "$docker" ] || docker=docker
    env -u DOCKER_HOST -u DOCKER_CONTEXT -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH \
        DOCKER_CONFIG="$STATE/docker-config" "$docker" -H "unix://$STATE/docker.sock" "$@"
}
