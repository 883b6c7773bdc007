# shellcheck shell=bash
#
# web1, web2, …: Debian 12 with systemd, sshd and dockerd 20.10, as a server is set up.

make_image() {
    bootstrap bookworm "$1" "openssh-server,systemd,systemd-sysv,dbus,libpam-systemd,docker.io,iptables,sudo,\
ca-certificates,curl,openssl"
    furnish "$1"
}
