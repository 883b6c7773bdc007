# shellcheck shell=bash
#
# The images. Each has a folder images/NAME with its recipe.sh and, where it has any, root/: files that it puts where
# they stand there. There is no registry to pull from: mmdebstrap makes a Debian's tree, and what differs from another
# image by some packages and files is a layer on it. What is built is kept as a tarball whose name carries the digest of
# all that it was made of.
#
# A recipe sets one of these, on a line of its own,
#   (nothing)          make_image TREE fills an empty folder
#   MADE_FROM=IMAGE    make_image TREE OTHER fills an empty folder with parts of the other image's tree
#   LAYER_OF=IMAGE     make_image TREE changes a copy of the other image's tree
# and defines make_image; what it may use for that is at the end of build.sh.

recipe() { printf '%s/images/%s/recipe.sh' "$LAB" "$1"; }

# recipe_says NAME IMAGE: one of the three settings of a recipe.
recipe_says() { sed -n "s/^$1=//p" "$(recipe "$2")"; }

image_base() { printf '%s%s' "$(recipe_says MADE_FROM "$1")" "$(recipe_says LAYER_OF "$1")"; }

recipe_digest() {
    local base
    base=$(image_base "$1")
    {
        cat "$LAB/build.sh"
        find "$LAB/images/$1" -type f -printf '%P %m\n' -exec cat {} \; | LC_ALL=C sort
        find "$LAB/images/$1" -type l -printf '%P %l\n' | LC_ALL=C sort
        if [ -n "$base" ]; then recipe_digest "$base"; fi
    } | sha256sum | cut -c1-16
}

image_tarball() { printf '%s/%s-%s.tar' "$CACHE" "$1" "$(recipe_digest "$1")"; }

# with_bases IMAGE...: these and all that they are made of, the latter first, each once.
with_bases() {
    local image base
    for image in "$@"; do
        base=$(image_base "$image")
        if [ -n "$base" ]; then with_bases "$base"; fi
        printf '%s\n' "$image"
    done | awk '!seen[$0]++'
}

# build_images IMAGE...: sets the tarballs of these up in the cache, unless they are there.
build_images() {
    local image missing=() work log
    for image in $(with_bases "$@"); do
        [ -s "$(image_tarball "$image")" ] || missing+=("$image")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    install_missing mmdebstrap=mmdebstrap || die "the images cannot be built without mmdebstrap"
    mkdir -p "$CACHE"
    rm -rf "$CACHE"/build.*
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    log=$work/log
    say "building, once: ${missing[*]}"
    # Building mounts things into the trees. In a mount namespace of its own no mount can outlive it, and with
    # --kill-child no process can, whatever interrupts the build.
    # shellcheck disable=SC2016  # expanded by the shell in there
    if ! unshare --mount --pid --fork --kill-child --mount-proc "$BASH" -c \
        'set -u -o pipefail; LAB=$1; . "$LAB/settings.sh"; . "$LAB/image.sh"; . "$LAB/build.sh"; shift; make_images "$@"' \
        _ "$LAB" "$work" "${missing[@]}" </dev/null >"$log" 2>&1; then
        for image in "${missing[@]}"; do
            if [ -e "$work/$image.failed" ]; then
                say "the end of what building $image said:"
                tail -n 20 "$work/$image.log" >&2
            fi
        done
        tail -n 5 "$log" >&2
        rm -rf "$work"
        die "an image could not be built: that needs root, Debian's package mirror and 4 GB under $CACHE"
    fi
    for image in "${missing[@]}"; do
        # Tarballs of older recipes would never be used again.
        rm -f "$CACHE/$image"-*.tar
        mv "$work/$image.tar" "$(image_tarball "$image")"
    done
    rm -rf "$work"
}
