# shellcheck shell=bash
#
# rootless1: the same Debian with two daemons: the system's, and one that alice runs without being root.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=host

make_image() {
    local tree=$1 unit=$1/home/alice/.config/systemd/user
    install_packages "$tree" iproute2 rootlesskit uidmap slirp4netns dbus-user-session fuse-overlayfs kmod
    chroot "$tree" useradd --uid 1002 --create-home --shell /bin/bash alice
    # Her services run from boot on, not only while she is logged in.
    mkdir -p "$tree/var/lib/systemd/linger" "$unit/default.target.wants"
    : >"$tree/var/lib/systemd/linger/alice"
    cp "$LAB/images/rootless/docker.service" "$unit/docker.service"
    ln -s ../docker.service "$unit/default.target.wants/docker.service"
    # See BOOT_ROOTLESS in host.sh.
    ln -s /dev/null "$tree/etc/systemd/system/systemd-sysctl.service"
    mkdir -p "$tree/home/alice/.local/share/docker"
    chroot "$tree" chown -R alice:alice /home/alice
}
