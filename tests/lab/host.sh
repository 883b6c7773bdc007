# shellcheck shell=bash
#
# A host: a container with an init as process 1, its own sshd and its own dockerd. What differs between the kinds of
# init is in the functions that begin with its name.

# What the container may do: all that this machine may, but for the powers that reach past it (the clock, kernel
# modules) and those that machines of this kind lack themselves (--privileged asks for SYS_RESOURCE and fails there).
# The number is the capability's bit in /proc/self/status.
CAPABILITIES='CHOWN=0 DAC_OVERRIDE=1 DAC_READ_SEARCH=2 FOWNER=3 FSETID=4 KILL=5 SETGID=6 SETUID=7 SETPCAP=8
    LINUX_IMMUTABLE=9 NET_BIND_SERVICE=10 NET_BROADCAST=11 NET_ADMIN=12 NET_RAW=13 IPC_LOCK=14 IPC_OWNER=15
    SYS_RAWIO=17 SYS_CHROOT=18 SYS_PTRACE=19 SYS_PACCT=20 SYS_ADMIN=21 SYS_BOOT=22 SYS_NICE=23 SYS_TTY_CONFIG=26
    MKNOD=27 LEASE=28 AUDIT_WRITE=29 AUDIT_CONTROL=30 SETFCAP=31 MAC_OVERRIDE=32 MAC_ADMIN=33 SYSLOG=34 WAKE_ALARM=35
    BLOCK_SUSPEND=36 AUDIT_READ=37'

capability_arguments() {
    local have pair
    have=$((16#$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status)))
    for pair in $CAPABILITIES; do
        if ((have >> ${pair#*=} & 1)); then printf -- '--cap-add\n%s\n' "${pair%=*}"; fi
    done
}

# Runs before the init in each host. The control groups are mounted read-only by docker; systemd needs to write its own.
# The kernel's settings are the machine's, not the host's: read-only, but for the network's, which are the host's.
# shellcheck disable=SC2016  # expanded in the host
BOOT='for m in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$m"; then mount -o remount,bind,rw "$m"; fi
done
mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net
exec /sbin/init "$@"'

host_ip() { know_host "$1" && printf '%s' "${ADDRESS[$1]}"; }

running() { [ "$(engine inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

# What makes a host this host outlives its container: after a `reset` ssh finds the same one.
make_identity() {
    # shellcheck disable=SC2153  # STATE comes from settings.sh
    local etc=$STATE/hosts/$1/etc
    [ ! -e "$etc/machine-id" ] || return 0
    mkdir -p "$etc/ssh"
    rm -f "$etc"/ssh/*
    ssh-keygen -A -f "$STATE/hosts/$1" >/dev/null
    # ssh-keygen writes who made it, and where, behind the key.
    sed -i "s/ [^ ]*\$/ root@$1/" "$etc"/ssh/*.pub
    # Left alone, systemd would take the machine's, the same one for every host.
    openssl rand -hex 16 >"$etc/machine-id"
}

create_host() {
    make_identity "$1"
    make_container "$1" && give_identity "$1" && engine start "$1" >/dev/null && return 0
    tail -n 3 "$STATE/create.log" >&2
    die "the host $1 could not be started"
}

make_container() {
    local name=$1 capabilities options
    mapfile -t capabilities < <(capability_arguments)
    mapfile -t options < <("${INIT[$name]}_options")
    engine rm -fv "$name" >/dev/null 2>&1 || true
    # shellcheck disable=SC2046  # words
    engine create --name "$name" --hostname "$name" --network lab --ip "${ADDRESS[$name]}" --dns "$DNS" \
        --cgroupns private --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device-cgroup-rule 'a *:* rwm' "${capabilities[@]}" \
        --tmpfs /run:rw,nosuid,nodev,noexec,mode=755 --tmpfs /run/lock -v /var/lib/docker -v /var/lib/containerd --stop-timeout 10 \
        "${options[@]}" "dtrctl-lab/${IMAGE[$name]}" /bin/sh -c "$BOOT" sh $("${INIT[$name]}_arguments") \
        >/dev/null 2>>"$STATE/create.log"
}

give_identity() {
    tar -C "$STATE/hosts/$1" --owner=0 --group=0 -c etc/ssh etc/machine-id | engine cp - "$1:/" &&
        tar -C "$STATE/login" --numeric-owner -c home/ops/.ssh home/pw/.ssh root/.ssh | engine cp - "$1:/"
}

# Up means: the init has finished, the services that matter are active, docker and ssh answer from where a user stands.
wait_for_host() {
    local name=$1
    wait_for 120 "$name's ${INIT[$name]}" "${INIT[$name]}_booted" "$name" &&
        wait_for 60 "$name's docker" engine exec "$name" docker version &&
        wait_for 30 "$name's sshd" sshd_greets "$name" && return 0
    say "what $name has to say:"
    "${INIT[$name]}_log" "$name" >&2
    die "$name did not come up; 'lab down' cleans up"
}

systemd_options() { printf '%s\n' --stop-signal SIGRTMIN+3; }

# In a container systemd reads its own arguments as the kernel's command line. From version 256 on it has to be told that
# control groups of version 1 will do.
systemd_arguments() { printf '%s\n' SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1; }

systemd_booted() {
    local state
    state=$(engine exec "$1" systemctl is-system-running 2>/dev/null) || true
    case $state in
    running) ;;
    degraded) ;; # some service failed; the next line says whether it is one of ours
    *) return 1 ;;
    esac
    engine exec "$1" systemctl is-active --quiet ssh.service docker.service
}

systemd_log() { engine exec "$1" journalctl --no-pager -n 40 || engine logs --tail 40 "$1"; }

# By name, not by unit: once logged in, a session's process belongs to logind's scope, no longer to ssh.service.
# From version 10 on the process of a session has a name of its own.
systemd_sshd_log() { engine exec "$1" journalctl --no-pager -o short-iso -t sshd -t sshd-session; }

# Reads the greeting only: a login would stand in the log that tests count sessions in.
sshd_greets() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    timeout 5 "$BASH" -c 'exec 3<>"/dev/tcp/$1/22" && read -r -t 4 line <&3 && [[ $line == SSH-2.0-* ]]' _ "$(host_ip "$1")"
}

# One line a file: path, kind, mode, owner, then the content's SHA-256 or a link's target. No times: what is compared is
# what stands there. Left out: what systemd makes under a random name.
snapshot_host() {
    engine exec -i "$1" sh -s <<'END'
set -u
export LC_ALL=C
tab=$(printf '\t')
set --
for root in /etc /usr/local /home /root /opt /tmp /var/tmp /var/lib/dtrctl /run/dtrctl; do
    [ ! -e "$root" ] || set -- "$@" "$root"
done
{
    find "$@" ! -type f -printf '%p\t%y\t%m\t%u:%g\t%l\n'
    # sha256sum repeats the path behind the digest, here cut off; with -z it does not escape odd names.
    find "$@" -type f -printf '%p\t%y\t%m\t%u:%g\t' -exec sha256sum -z {} \; | tr '\0' '\n' |
        sed "s/\(${tab}[0-9a-f]\{64\}\)  .*/\1/"
} | grep -v '/systemd-private-' | sort
END
}
