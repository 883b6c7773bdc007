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
    chroot "$1" dockerd --version | grep -q 'version 28\.' || {
        echo "forky's dockerd is no longer of version 28: $(chroot "$1" dockerd --version)"
        return 1
    }
}
