# shellcheck shell=bash
#
# deb28: the same Debian 13 with the engine of forky, 28. Not all of forky: its systemd no longer starts on control groups
# of version 1, which is what many machines still have.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=deb26

make_image() {
    printf 'deb %s forky main\n' "$MIRROR" >"$1/etc/apt/sources.list.d/forky.list"
    # A mirror may lag behind a suite that changes daily by more than its lists say that they are good for.
    chroot "$1" apt-get update -qq -o Acquire::Check-Valid-Until=false
    install_packages "$1" docker.io/forky docker-cli/forky containerd/forky runc/forky
    rm "$1/etc/apt/sources.list.d/forky.list"
    # forky changes from day to day; what is asked of deb28 holds for its successors, too.
    chroot "$1" dockerd --version | grep -Eq 'version (28|29|[3-9][0-9])\.' || {
        echo "forky's dockerd is older than 28: $(chroot "$1" dockerd --version)"
        return 1
    }
}
