# shellcheck shell=bash
#
# sysv1: the same Debian without systemd: sysvinit is process 1, and Debian's /etc/init.d scripts start sshd and docker.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=host

make_image() {
    local tree=$1 level
    install_packages "$tree" sysvinit-core sysvinit-utils initscripts sysv-rc insserv procps
    chroot "$tree" dpkg --purge --force-depends systemd-sysv libpam-systemd systemd dbus dbus-daemon dbus-bin \
        dbus-session-bus-common dbus-system-bus-common
    rm -rf "$tree/etc/systemd" "$tree/var/lib/systemd"
    # A container has no disk, clock, terminal or console of its own to set up, and none to put away.
    for level in S 0 6; do find "$tree/etc/rc$level.d" -name '[SK]*' ! -name '*docker' ! -name '*halt' ! -name '*reboot' \
        ! -name '*sendsigs' -delete; done
    sed -i '/getty/d; s,^ca:.*,ca::ctrlaltdel:/sbin/shutdown -h now,' "$tree/etc/inittab"
    # Hosts lack the power to raise a limit (see CAPABILITIES in host.sh); the script would end there.
    sed -i 's/^\t*ulimit -.*/& || :/' "$tree/etc/init.d/docker"
    printf 'SSHD_OPTS="-E /var/log/sshd.log"\n' >"$tree/etc/default/ssh"
}
