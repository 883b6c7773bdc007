# shellcheck shell=bash
#
# A host: a container whose process 1 is systemd, with its own sshd and its own dockerd.

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

# Runs before systemd in each host. The control groups are mounted read-only by docker; systemd needs to write its own.
# The kernel's settings are the machine's, not the host's: read-only, but for the network's, which are the host's.
# shellcheck disable=SC2016  # expanded in the host
BOOT='for m in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$m"; then mount -o remount,bind,rw "$m"; fi
done
mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net
exec /sbin/init'

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
    local name=$1 capabilities
    mapfile -t capabilities < <(capability_arguments)
    make_identity "$name"
    engine rm -fv "$name" >/dev/null 2>&1 || true
    engine create --name "$name" --hostname "$name" --network lab --ip "$(host_ip "$name")" --dns "$DNS" \
        --cgroupns private --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device-cgroup-rule 'a *:* rwm' "${capabilities[@]}" \
        --tmpfs /run:rw,nosuid,nodev,noexec,mode=755 --tmpfs /run/lock -v /var/lib/docker \
        --stop-signal SIGRTMIN+3 --stop-timeout 10 \
        dtrctl-lab/host /bin/sh -c "$BOOT" >/dev/null 2>>"$STATE/create.log" ||
        { tail -n 3 "$STATE/create.log" >&2; die "the host $name could not be created"; }
    tar -C "$STATE/hosts/$name" --owner=0 --group=0 -c etc/ssh etc/machine-id | engine cp - "$name:/"
    tar -C "$STATE/login" --numeric-owner -c home/ops/.ssh home/pw/.ssh root/.ssh | engine cp - "$name:/"
    engine start "$name" >/dev/null || die "the host $name could not be started"
}

# Up means: systemd has finished, the services that matter are active, docker and ssh answer from where a user stands.
wait_for_host() {
    local name=$1
    wait_for 60 "$name's systemd" host_booted "$name" &&
        wait_for 30 "$name's docker" engine exec "$name" docker version &&
        wait_for 30 "$name's sshd" sshd_greets "$name" && return 0
    say "the end of $name's journal:"
    engine exec "$name" journalctl --no-pager -n 40 >&2 || engine logs --tail 40 "$name" >&2 || true
    die "$name did not come up; 'lab down' cleans up"
}

host_booted() {
    local state
    state=$(engine exec "$1" systemctl is-system-running 2>/dev/null) || true
    case $state in
    running) ;;
    degraded) ;; # some service failed; the next line says whether it is one of ours
    *) return 1 ;;
    esac
    engine exec "$1" systemctl is-active --quiet ssh.service docker.service
}

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
