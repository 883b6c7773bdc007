# shellcheck shell=bash
#
# deb26: Debian 13 with systemd, sshd and dockerd 26.1.

make_image() {
    bootstrap trixie "$1" "openssh-server,systemd,systemd-sysv,dbus,libpam-systemd,docker.io,docker-cli,iptables,sudo,\
ca-certificates,curl,openssl"
    furnish "$1"
}
