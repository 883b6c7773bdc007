# shellcheck shell=bash
#
# How an image is built, for image.sh: what stands here is part of every recipe. Runs in a mount namespace of its own.

MIRROR=http://deb.debian.org/debian
PW_PASSWORD='sudo me 2'

# make_images WORK IMAGE...: all at once, each as soon as the one that it is made of is there.
make_images() {
    local work=$1 image jobs=() outcome=0
    shift
    for image in $(with_bases "$@"); do
        if [ -s "$(image_tarball "$image")" ]; then
            take_tree_out "$work" "$image" || return 1
            : >"$work/$image.done"
        fi
    done
    for image in "$@"; do
        make_one "$work" "$image" >"$work/$image.log" 2>&1 &
        jobs+=($!)
    done
    for image in "${jobs[@]}"; do
        wait "$image" || outcome=1
    done
    return "$outcome"
}

# The tree of an image whose tarball is in the cache already, for those that are made of it.
take_tree_out() {
    local work=$1 image=$2 base
    base=$(recipe_says LAYER_OF "$image")
    mkdir -p "$work/$image.tree"
    if [ -z "$base" ]; then
        tar -C "$work/$image.tree" --numeric-owner -xpf "$(image_tarball "$image")"
        return
    fi
    mount_layer "$work" "$image" "$base"
    mkdir -p "$work/$image.delta"
    tar -C "$work/$image.delta" --numeric-owner -xpf "$(image_tarball "$image")"
    (cd "$work/$image.tree" && xargs -r -d '\n' rm -rf -- <"$work/$image.delta/gone")
    cp -a --remove-destination "$work/$image.delta/root/." "$work/$image.tree/"
}

make_one() {
    local work=$1 image=$2 base
    trap '[ -e "$work/$image.done" ] || : >"$work/$image.failed"' EXIT
    base=$(image_base "$image")
    while [ -n "$base" ] && [ ! -e "$work/$base.done" ]; do
        # Nothing to add to what is said of the other one.
        if [ -e "$work/$base.failed" ]; then exit 1; fi
        sleep 0.2
    done
    # A shell of its own, so that the first command that fails ends it: inside `if` and `||`, set -e is ignored.
    # shellcheck disable=SC2016  # expanded by the shell in there
    "$BASH" -c 'set -eu -o pipefail; LAB=$1; . "$LAB/settings.sh"; . "$LAB/image.sh"; . "$LAB/build.sh"; . "$(recipe "$3")"
        build_one "$2" "$3"' _ "$LAB" "$work" "$image" || exit 1
    : >"$work/$image.done"
}

build_one() {
    local work=$1 image=$2 tree=$1/$2.tree
    mkdir -p "$tree"
    if [ -n "${LAYER_OF:-}" ]; then
        mount_layer "$work" "$image" "$LAYER_OF"
        prepare_for_packages "$tree"
        make_image "$tree"
        clean_after_packages "$tree"
        tar_layer "$work" "$image" "$LAYER_OF"
    else
        if [ -n "${MADE_FROM:-}" ]; then
            # Also a copy, for other images are being made of the same tree.
            mount_layer "$work" "$image.base" "$MADE_FROM"
            prepare_for_packages "$work/$image.base.tree"
        fi
        make_image "$tree" "$work/$image.base.tree"
        tar -C "$tree" --numeric-owner --one-file-system "${LEFT_OUT[@]}" -cf "$work/$image.tar" .
    fi
}

# What apt leaves in a tree: the layers on it can do with the lists, the hosts without.
LEFT_OUT=(--exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*' --exclude='./var/log/*.log'
    --exclude='./var/log/apt/*' --exclude='./var/cache/debconf/*-old' --exclude='./var/lib/dpkg/*-old')

# A copy of the base that costs nothing: what is written goes to NAME.upper.
mount_layer() {
    local work=$1 image=$2 base=$3
    mkdir -p "$work/$image.tree" "$work/$image.upper" "$work/$image.work"
    mount -t overlay -o "lowerdir=$work/$base.tree,upperdir=$work/$image.upper,workdir=$work/$image.work" \
        overlay "$work/$image.tree"
}

# A layer's tarball: `gone`, the paths to remove, and `root`, the files to put.
tar_layer() {
    local work=$1 image=$2 base=$3
    mkdir -p "$work/$image.delta/root"
    # Folders with a slash behind the name: one that has become a link, or a file, has to go first.
    list_tree "$work/$base.tree" >"$work/$image.before"
    list_tree "$work/$image.tree" >"$work/$image.after"
    LC_ALL=C comm -23 "$work/$image.before" "$work/$image.after" | sed 's,/$,,' | topmost >"$work/$image.delta/gone"
    # The overlay's own marks for what is gone are character devices.
    (cd "$work/$image.upper" && find . -type c) >"$work/$image.marks"
    tar -C "$work/$image.upper" --numeric-owner "${LEFT_OUT[@]}" --exclude=./dev --exclude=./proc --exclude=./sys \
        --exclude=./etc/hosts --exclude=./etc/hostname --exclude=./etc/resolv.conf \
        --anchored --no-wildcards --exclude-from="$work/$image.marks" -c . |
        tar -C "$work/$image.delta/root" --numeric-owner -xp
    tar -C "$work/$image.delta" --numeric-owner -cf "$work/$image.tar" gone root
}

list_tree() {
    find "$1" -xdev -mindepth 1 \( -path "$1/proc" -o -path "$1/sys" -o -path "$1/dev" -o -path "$1/var/lib/apt" \
        -o -path "$1/var/cache/apt" \) -prune -o -mindepth 1 \( -type d -printf '%P/\n' -o -printf '%P\n' \) | LC_ALL=C sort
}

# Of a list of paths those that lie in none of the others.
topmost() {
    awk '{ gone[$0] = 1; path[NR] = $0 }
        END { for (i = 1; i <= NR; i++) {
            up = path[i]; inside = 0
            while (sub("/[^/]*$", "", up)) if (up in gone) { inside = 1; break }
            if (!inside) print path[i] } }'
}

# For the recipes.

# What no server needs and takes time to unpack.
NO_DOCUMENTATION=(--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/doc/*
    --dpkgopt=path-exclude=/usr/share/info/* --dpkgopt=path-exclude=/usr/share/locale/*)

# bootstrap SUITE TREE PACKAGE,PACKAGE…
bootstrap() {
    local keyring=()
    # Beside Debian apt does not know Debian's keys; the package of that name has them.
    if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
        keyring=(--keyring=/usr/share/keyrings/debian-archive-keyring.gpg)
    fi
    # Only the lists are kept: what is a layer on this installs more.
    mmdebstrap --mode=root --variant=minbase "${keyring[@]}" "${NO_DOCUMENTATION[@]}" \
        --skip=cleanup/apt/lists --include="$3" "$1" "$2" "$MIRROR"
}

# Programs can run in the tree, and no package's daemon is started.
prepare_for_packages() {
    local tree=$1
    mount -t proc proc "$tree/proc"
    mount --bind /dev "$tree/dev"
    cat /etc/resolv.conf >"$tree/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 755 "$tree/usr/sbin/policy-rc.d"
}

clean_after_packages() {
    umount "$1/dev"
    umount "$1/proc"
    rm -f "$1/usr/sbin/policy-rc.d" "$1/var/lib/dbus/machine-id"
}

# install_packages TREE PACKAGE...
install_packages() {
    local tree=$1
    shift
    # The tree out of a tarball has no lists.
    if ! ls "$tree"/var/lib/apt/lists/*Packages* >/dev/null 2>&1; then chroot "$tree" apt-get update -qq; fi
    DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$tree" apt-get install -y -qq --no-install-recommends "$@"
}

# unpack_package TREE PACKAGE FOLDER: what is in a package, without installing it.
unpack_package() {
    mkdir -p "$1/tmp/package" "$3"
    if ! ls "$1"/var/lib/apt/lists/*Packages* >/dev/null 2>&1; then chroot "$1" apt-get update -qq; fi
    # shellcheck disable=SC2016  # expanded in the tree
    chroot "$1" sh -c 'cd /tmp/package && apt-get download "$1"' _ "$2"
    dpkg-deb -x "$1"/tmp/package/*.deb "$3"
    rm -r "$1/tmp/package"
}

# put_files IMAGE TREE: the files of images/IMAGE/root.
put_files() {
    tar -C "$LAB/images/$1/root" --owner=0 --group=0 -c . | tar -C "$2" -xp
}

# copy_program FROM TO PATH...: programs and the libraries that they link to, from one tree into another.
copy_program() {
    local from=$1 to=$2 program library
    shift 2
    for program in "$@"; do
        copy_file "$from" "$to" "$program"
        # Not every program links to something.
        { chroot "$from" ldd "$program" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } |
            while read -r library; do copy_file "$from" "$to" "$library"; done
    done
}

# What a link leads to, under the link's name: the trees have different layouts.
copy_file() {
    [ -e "$2$3" ] || install -D -p -m "$(chroot "$1" stat -L -c %a "$3")" \
        "$1$(chroot "$1" readlink -f "$3")" "$2$3"
}

# A server's users and habits, the same on every host with a Debian's tree.
furnish() {
    local tree=$1
    # ops: what a fleet's login user usually is. pw: sudo asks it for a password. root: by key only, Debian's default.
    chroot "$tree" useradd --uid 1000 --create-home --shell /bin/bash ops
    chroot "$tree" useradd --uid 1001 --create-home --shell /bin/bash --groups sudo pw
    printf 'pw:%s\n' "$PW_PASSWORD" | chroot "$tree" chpasswd
    printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >"$tree/etc/sudoers.d/ops"
    chmod 440 "$tree/etc/sudoers.d/ops"
    # VERBOSE logs each session and its kind, so that a test can count them.
    printf 'LogLevel VERBOSE\n' >"$tree/etc/ssh/sshd_config.d/lab.conf"
    # The installer writes this on a real Debian; without it PAM complains at each login.
    : >"$tree/etc/default/locale"
    # Each host gets its own keys and its own id before it is started.
    rm -f "$tree"/etc/ssh/ssh_host_* "$tree/etc/machine-id" "$tree/var/lib/dbus/machine-id"
    # Nothing may change a host behind a test's back: no timers of apt, dpkg, fstrim.
    rm -f "$tree"/etc/systemd/system/timers.target.wants/*
}
