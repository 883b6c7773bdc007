# shellcheck shell=bash
#
# openrc1: OpenRC's shape on the same Debian: Debian's package of it, started by sysvinit, and a service script for docker
# of OpenRC's kind.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=sysv

make_image() {
    install_packages "$1" openrc
    put_files openrc "$1"
}
