# shellcheck shell=bash
# shellcheck disable=SC2034  # every name here is read by the files that source this one
#
# Names, addresses and paths of the lab, and the three words every part of it speaks: say, die, wait_for.

# Debian keeps dockerd, runc and ip in the sbin folders, which a login user's PATH lacks.
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

# name address, as its bytes behind 198.18.0.
REGISTRIES='registry.lab 10
selfsigned.lab 11
cnonly.lab 12
plain.lab 13
nochain.lab 14
expired.lab 15
leafca.lab 16
secure.lab 17
cross.lab 18'

# name, address as above, image, group of the inventory, init, login user. The Docker hosts web1, web2, … beside them:
# image host, group docker, systemd, ops.
HOSTS='deb26 226 deb26 engines systemd ops
deb28 228 deb28 engines systemd ops
rhel1 231 rhel rhel systemd ops
b2d1 232 b2d boot2docker busybox docker
sysv1 233 sysv sysvinit sysvinit ops
openrc1 234 openrc openrc openrc ops
rootless1 235 rootless rootless systemd ops
reg1 236 reg registry systemd ops'
WEB=5         # how many of web1, web2, … there are unless `up` is told otherwise
MAX_WEB=200

declare -A ADDRESS IMAGE GROUP INIT LOGIN
while read -r name byte; do
    ADDRESS[$name]=198.18.0.$byte
done <<<"$REGISTRIES"
NAMED_HOSTS=()
while read -r name byte image group init login; do
    NAMED_HOSTS+=("$name")
    ADDRESS[$name]=198.18.0.$byte IMAGE[$name]=$image GROUP[$name]=$group INIT[$name]=$init LOGIN[$name]=$login
done <<<"$HOSTS"
unset name byte image group init login

# reg1 is a host and a registry.
ADDRESS[reg1.lab]=${ADDRESS[reg1]}

registry_names() { printf '%s\n' "$REGISTRIES" | cut -d' ' -f1; }

# know_host NAME: is there such a host? The numbered ones are entered into the table as they are asked for.
know_host() {
    local number=${1#web}
    [ -z "${IMAGE[${1:-?}]:-}" ] || return 0
    case $1 in web[1-9]*) ;; *) return 1 ;; esac
    case $number in *[!0-9]* | ????*) return 1 ;; esac
    [ "$number" -le "$MAX_WEB" ] || return 1
    ADDRESS[$1]=198.18.0.$((20 + number)) IMAGE[$1]=host GROUP[$1]=docker INIT[$1]=systemd LOGIN[$1]=ops
}

# The only two things the lab puts onto the machine itself, each recognisable as the lab's.
CABLE=dtrlab0
MARK='# dtrctl-lab'

# What b2d1 is unless `reset` is told otherwise.
B2D_VERSION=18.09.9

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
