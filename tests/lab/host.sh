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

# The same on the host whose user runs a daemon of her own: in her namespaces /proc can only be mounted while nothing of
# the host's /proc is covered. Its systemd is told to leave the kernel's settings alone (see the recipe). The tunnel is
# everybody's, as udev would have it.
BOOT_ROOTLESS="[ ! -e /dev/net/tun ] || chmod 666 /dev/net/tun
$(grep -v /proc/sys <<<"$BOOT")"

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
    forget_host "$1"
    { make_container "$1" && give_identity "$1" && engine start "$1" >/dev/null; } || could_not_start "$1"
}

could_not_start() {
    tail -n 3 "$STATE/create.log" >&2
    die "the host $1 could not be started"
}

# With all that it has on disk.
forget_host() {
    engine rm -fv "$1" >/dev/null 2>&1 || true
    engine volume rm "$1-boot2docker" "$1-docker" >/dev/null 2>&1 || true
}

# After a stop. Boot2Docker lives in memory: only two folders are on a disk.
start_again() {
    if [ "${INIT[$1]}" = busybox ]; then
        engine rm -f "$1" >/dev/null
        { make_container "$1" && give_release "$1"; } || could_not_start "$1"
    fi
    engine start "$1" >/dev/null || could_not_start "$1"
}

make_container() {
    local name=$1 capabilities options boot=$BOOT
    mapfile -t capabilities < <(capability_arguments)
    [ "${IMAGE[$name]}" != rootless ] || boot=$BOOT_ROOTLESS
    mapfile -t options < <("${INIT[$name]}_options" "$name")
    # shellcheck disable=SC2046  # words
    engine create --name "$name" --hostname "$name" --network lab --network-alias "$name.lab" --ip "${ADDRESS[$name]}" \
        --dns "$DNS" --cgroupns private --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device-cgroup-rule 'a *:* rwm' "${capabilities[@]}" \
        --tmpfs /run:rw,nosuid,nodev,noexec,mode=755 --tmpfs /run/lock --stop-timeout 10 \
        "${options[@]}" "dtrctl-lab/${IMAGE[$name]}" /bin/sh -c "$boot" sh $("${INIT[$name]}_arguments") \
        >/dev/null 2>>"$STATE/create.log"
}

give_identity() {
    if [ "${INIT[$1]}" = busybox ]; then
        give_release "$1" && give_disk "$1"
        return
    fi
    tar -C "$STATE/hosts/$1" --owner=0 --group=0 -c etc/ssh etc/machine-id | engine cp - "$1:/" &&
        tar -C "$STATE/login" --numeric-owner -c home/ops/.ssh home/pw/.ssh root/.ssh | engine cp - "$1:/" || return 1
    if [ "${IMAGE[$1]}" = rootless ]; then
        tar -C "$STATE/login" --numeric-owner -c home/alice/.ssh | engine cp - "$1:/" || return 1
    fi
    if [ "${IMAGE[$1]}" = reg ]; then give_registry_pair "$1"; fi
}

# reg1's certificate, intermediates behind it, and its key, for the service's user only.
give_registry_pair() {
    local etc=$STATE/hosts/$1/registry/etc/docker/registry user
    user=$(engine cp "$1:/etc/passwd" - | tar -xO | awk -F: '$1 == "docker-registry" { print $3 ":" $4 }')
    install -D -m 644 "$STATE/pki/reg1.chain.pem" "$etc/server.crt"
    install -D -m 600 -o "${user%:*}" -g "${user#*:}" "$STATE/pki/reg1.key" "$etc/server.key"
    tar -C "$STATE/hosts/$1/registry" --numeric-owner -c etc/docker/registry/server.crt etc/docker/registry/server.key |
        engine cp - "$1:/"
}

# Up means: the init has finished, the services that matter are active, docker and ssh answer from where a user stands.
wait_for_host() {
    local name=$1
    wait_for 120 "$name's ${INIT[$name]}" "${INIT[$name]}_booted" "$name" &&
        wait_for 60 "$name's docker" engine exec "$name" docker version &&
        wait_for 30 "$name's sshd" sshd_greets "$name" && stock_registry "$name" && return 0
    say "what $name has to say:"
    "${INIT[$name]}_log" "$name" >&2
    die "$name did not come up; 'lab down' cleans up"
}

# reg1 starts with an empty storage.
stock_registry() {
    if [ "${IMAGE[$1]}" != reg ]; then return 0; fi
    wait_for 20 "$1's registry" curl -sk -o /dev/null "https://$1.lab:5000/v2/" &&
        engine tag idle:1 "${ADDRESS[$1]}:5000/idle:1" && engine push -q "${ADDRESS[$1]}:5000/idle:1" >/dev/null
}

systemd_options() {
    printf '%s\n' --stop-signal SIGRTMIN+3 -v /var/lib/docker -v /var/lib/containerd
    if [ "${IMAGE[$1]}" = rootless ]; then
        # Her daemon's data lies on a disk, too; its network is a tunnel.
        printf '%s\n' -v /home/alice/.local/share/docker
        [ ! -e /dev/net/tun ] || printf '%s\n' --device /dev/net/tun
    fi
}

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
    engine exec "$1" systemctl is-active --quiet ssh.service docker.service || return 1
    if [ "${IMAGE[$1]}" = rootless ]; then
        engine exec "$1" curl -sf --unix-socket /run/user/1002/docker.sock http://localhost/_ping
    fi
}

systemd_log() { engine exec "$1" journalctl --no-pager -n 40 || engine logs --tail 40 "$1"; }

# By name, not by unit: once logged in, a session's process belongs to logind's scope, no longer to ssh.service.
# From version 10 on the process of a session has a name of its own.
systemd_sshd_log() { engine exec "$1" journalctl --no-pager -o short-iso -t sshd -t sshd-session; }

# sysvinit takes INT for: Ctrl, Alt and Delete, and its inittab says what that means.
sysvinit_options() { printf '%s\n' --stop-signal SIGINT -v /var/lib/docker -v /var/lib/containerd; }

sysvinit_arguments() { :; }

# The script that starts dockerd returns before it answers; the command line asks the daemon itself, later.
sysvinit_booted() { engine exec "$1" sh -c 'test -s /run/sshd.pid && test -s /run/docker.pid'; }

sysvinit_log() { engine exec "$1" tail -n 40 /var/log/sshd.log /var/log/docker.log || engine logs --tail 40 "$1"; }

sysvinit_sshd_log() { engine exec "$1" cat /var/log/sshd.log; }

# Debian starts OpenRC from sysvinit.
openrc_options() { sysvinit_options; }

openrc_arguments() { :; }

openrc_booted() { sysvinit_booted "$1"; }

openrc_log() { sysvinit_log "$1"; }

openrc_sshd_log() { sysvinit_sshd_log "$1"; }

# BusyBox's init takes USR2 for: power off.
busybox_options() {
    printf '%s\n' --stop-signal SIGUSR2 -v "$1-boot2docker:/var/lib/boot2docker" -v "$1-docker:/var/lib/docker"
}

busybox_arguments() { :; }

# The script that starts dockerd does not say how that went; the command line asks the daemon itself, later.
busybox_booted() { engine exec "$1" test -s /var/run/docker.pid; }

busybox_log() { engine exec "$1" sh -c 'cd /var/lib/boot2docker; tail -n 40 /var/log/boot.log docker.log log/docker.log'; }

busybox_sshd_log() { engine exec "$1" cat /var/log/sshd.log; }

# What the version decides is in the image; which one this is, in this file.
give_release() {
    local version etc=$STATE/hosts/$1/release/etc
    version=$(cat "$STATE/hosts/$1/version" 2>/dev/null || printf '%s' "$B2D_VERSION")
    mkdir -p "$etc"
    printf '%s\n' NAME=Boot2Docker "VERSION=$version" ID=boot2docker ID_LIKE=tcl "VERSION_ID=$version" \
        "PRETTY_NAME=\"Boot2Docker $version (TCL 8.2.1)\"" >"$etc/os-release"
    tar -C "$STATE/hosts/$1/release" --owner=0 --group=0 -c etc/os-release | engine cp - "$1:/"
}

# The disk as docker-machine leaves it: the user's key, sshd's keys, the daemon's certificate, and the profile.
give_disk() {
    local disk=$STATE/hosts/$1/disk/var/lib/boot2docker name
    rm -rf "$STATE/hosts/$1/disk"
    mkdir -p "$disk/ssh" "$disk/etc"
    cp -p "$STATE/hosts/$1"/etc/ssh/* "$disk/ssh/"
    printf '%s\n' "$1" >"$disk/etc/hostname"
    install -D -m 600 "$STATE/id_ed25519.pub" "$STATE/hosts/$1/user/.ssh/authorized_keys"
    tar -C "$STATE/hosts/$1/user" -c .ssh/authorized_keys >"$disk/userdata.tar"
    cp "$STATE/pki/machine.pem" "$disk/ca.pem"
    cp "$STATE/pki/machine-server.pem" "$disk/server.pem"
    install -m 600 "$STATE/pki/machine-server.key" "$disk/server-key.pem"
    cat >"$disk/profile" <<'END'

EXTRA_ARGS='
--label provider=virtualbox

'
CACERT=/var/lib/boot2docker/ca.pem
DOCKER_HOST='-H tcp://0.0.0.0:2376'
DOCKER_STORAGE=overlay2
DOCKER_TLS=auto
SERVERKEY=/var/lib/boot2docker/server-key.pem
SERVERCERT=/var/lib/boot2docker/server.pem


END
    tar -C "$STATE/hosts/$1/disk" --owner=0 --group=0 -c var/lib/boot2docker | engine cp - "$1:/"
}

# Reads the greeting only: a login would stand in the log that tests count sessions in.
sshd_greets() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    timeout 5 "$BASH" -c 'exec 3<>"/dev/tcp/$1/22" && read -r -t 4 line <&3 && [[ $line == SSH-2.0-* ]]' _ "$(host_ip "$1")"
}

# One line a file: path, kind, mode, owner, then the content's SHA-256 or a link's target. No times: what is compared is
# what stands there. Left out: what systemd makes under a random name.
snapshot_host() {
    if [ "${INIT[$1]}" = busybox ]; then
        busybox_snapshot "$1"
        return
    fi
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

# BusyBox's find cannot print what it knows; stat can, one process a file. Left out: what every start of dockerd adds to.
busybox_snapshot() {
    engine exec -i "$1" sh -s <<'END'
set -u
tab=$(printf '\t')
set --
for root in /etc /usr/local/etc /usr/local/share /home /root /opt /tmp /var/lib/boot2docker /var/lib/dtrctl /run/dtrctl; do
    [ ! -e "$root" ] || set -- "$@" "$root"
done
find "$@" | grep -v '^/var/lib/boot2docker/\(log/.*\|docker\.log\)$' | sort | while IFS= read -r path; do
    if [ -L "$path" ]; then
        printf '%s\tl\t%s\t%s\n' "$path" "$(stat -c "%a$tab%U:%G" "$path")" "$(readlink "$path")"
    elif [ -f "$path" ]; then
        printf '%s\tf\t%s\t%s\n' "$path" "$(stat -c "%a$tab%U:%G" "$path")" "$(sha256sum <"$path" | cut -c1-64)"
    else
        printf '%s\td\t%s\t\n' "$path" "$(stat -c "%a$tab%U:%G" "$path")"
    fi
done
END
}
