# shellcheck shell=bash
#
# The two images, built once and kept as tarballs whose names carry the digest of this very file:
#   host      a Debian with systemd, sshd and dockerd, as a server is set up
#   services  Debian's docker-registry and BusyBox, nothing else
# There is no registry to pull from: debootstrap makes the tree, `docker import` takes it in.

SUITE=bookworm
PW_PASSWORD='sudo me 2'
HOST_PACKAGES=openssh-server,systemd,systemd-sysv,dbus,libpam-systemd,docker.io,iptables,sudo,ca-certificates,curl,openssl

recipe_digest() { sha256sum "$LAB/image.sh" | cut -c1-16; }
image_tarball() { printf '%s/%s-%s.tar' "$CACHE" "$1" "$(recipe_digest)"; }

# Sets the tarballs up in the cache, unless they are there.
build_images() {
    if [ -s "$(image_tarball host)" ] && [ -s "$(image_tarball services)" ]; then return 0; fi
    local work log
    mkdir -p "$CACHE"
    rm -rf "$CACHE"/build.*
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    log=$work/log
    say "building the host image with debootstrap (about a minute, once)"
    # debootstrap mounts /proc into the tree. In a mount namespace of its own such a mount cannot outlive it, and with
    # --kill-child neither can a process, whatever interrupts the build.
    # shellcheck disable=SC2016  # expanded by the shell in there
    if ! unshare --mount --pid --fork --kill-child --mount-proc \
        "$BASH" -c 'set -eu; LAB=$1; . "$LAB/image.sh"; make_trees "$2"' _ "$LAB" "$work" </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -rf "$work"
        die "the host image could not be built: debootstrap needs root, $SUITE's package mirror and 2 GB under $CACHE"
    fi
    # Tarballs of older recipes would never be used again.
    rm -f "$CACHE"/host-*.tar "$CACHE"/services-*.tar
    mv "$work/services.tar" "$(image_tarball services)"
    mv "$work/host.tar" "$(image_tarball host)"
    rm -rf "$work"
}

make_trees() {
    local host=$1/host services=$1/services
    debootstrap --variant=minbase --include="$HOST_PACKAGES,busybox-static" "$SUITE" "$host"
    make_services_tree "$host" "$services"
    furnish_host "$host"
    tar -C "$services" --numeric-owner -cf "$1/services.tar" .
    tar -C "$host" --numeric-owner -cf "$1/host.tar" .
}

# The registry's program and what it links to. Taken out of its package by hand: installed on the hosts it would bring
# a service on their port 5000.
make_services_tree() {
    local host=$1 services=$2
    mkdir -p "$services/bin" "$services/tmp" "$host/tmp/registry"
    chroot "$host" sh -c 'cd /tmp/registry && apt-get download docker-registry'
    dpkg-deb -x "$host"/tmp/registry/*.deb "$host/tmp/registry/root"
    install -D "$host/tmp/registry/root/usr/bin/docker-registry" "$services/usr/bin/docker-registry"
    chroot "$host" ldd /tmp/registry/root/usr/bin/docker-registry | grep -o '/[^ ]*' | while read -r library; do
        install -D "$host$library" "$services$library"
    done
    # BusyBox: a shell to look around with, and the idle image's only program.
    cp "$host/bin/busybox" "$services/bin/busybox"
    ln -s busybox "$services/bin/sh"
    ln -s busybox "$services/bin/sleep"
    rm -rf "$host/tmp/registry"
    chroot "$host" dpkg --purge busybox-static
}

furnish_host() {
    local host=$1
    # ops: what a fleet's login user usually is. pw: sudo asks it for a password. root: by key only, Debian's default.
    chroot "$host" useradd --uid 1000 --create-home --shell /bin/bash ops
    chroot "$host" useradd --uid 1001 --create-home --shell /bin/bash --groups sudo pw
    printf 'pw:%s\n' "$PW_PASSWORD" | chroot "$host" chpasswd
    printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >"$host/etc/sudoers.d/ops"
    chmod 440 "$host/etc/sudoers.d/ops"
    # VERBOSE logs each session and its kind, so that a test can count them.
    printf 'LogLevel VERBOSE\n' >"$host/etc/ssh/sshd_config.d/lab.conf"
    # The installer writes this on a real Debian; without it PAM complains at each login.
    : >"$host/etc/default/locale"
    # Each host gets its own keys and its own id before it is started.
    rm -f "$host"/etc/ssh/ssh_host_* "$host/etc/machine-id"
    # Nothing may change a host behind a test's back: no timers of apt, dpkg, fstrim.
    rm -f "$host"/etc/systemd/system/timers.target.wants/*
    # 250 MB that no test reads.
    rm -rf "$host"/usr/share/doc/* "$host"/usr/share/man/* "$host"/usr/share/info/* "$host"/usr/share/locale/* \
        "$host"/var/cache/apt/* "$host"/var/lib/apt/lists/* "$host"/var/log/*.log
}
