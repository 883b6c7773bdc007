# shellcheck shell=bash
#
# reg1: a registry that is a host to be managed: the same Debian with its docker-registry as a service, with TLS.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=host

make_image() {
    install_packages "$1" docker-registry
    put_files reg "$1"
}
