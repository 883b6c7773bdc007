# shellcheck shell=bash
#
# Debian's docker-registry and BusyBox, nothing else.
# shellcheck disable=SC2034  # read by image.sh
MADE_FROM=host

make_image() {
    local tree=$1 host=$2
    mkdir -p "$tree/bin" "$tree/tmp" "$tree/etc/docker/registry" "$tree/var/lib/registry"
    # BusyBox: a shell to look around with, and the idle image's only program.
    unpack_package "$host" busybox-static "$host/opt/busybox"
    cp "$host/opt/busybox/bin/busybox" "$tree/bin/busybox"
    ln -s busybox "$tree/bin/sh"
    ln -s busybox "$tree/bin/sleep"
    unpack_package "$host" docker-registry "$host/opt/registry"
    cp "$host/opt/registry/usr/bin/docker-registry" "$host/usr/bin/docker-registry"
    copy_program "$host" "$tree" /usr/bin/docker-registry
    put_files services "$tree"
}
