# shellcheck shell=bash
#
# The lab's engine, its life and its end. `cell`, beside this file, is what runs.

cell_pid() { cut -d' ' -f1 "$STATE/cell.pid"; }

# cell_lives [STATE]: alive, and not some other process that has been given the number since.
# shellcheck disable=SC2120  # the argument comes from lock, in lab
cell_lives() {
    local pid start
    read -r pid start 2>/dev/null <"${1:-$STATE}/cell.pid" || return 1
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" = "$start" ] &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
}

start_engine() {
    local pid
    mkdir -p "$STATE" && chmod 755 "$STATE"
    : >"$STATE/is-a-lab"
    printf '{}\n' >"$STATE/dockerd.json"
    # Its own session and no open files of ours: it must not end with this command, nor hold its lock. A clean
    # environment: a proxy set for the caller is not the hosts'.
    env -i PATH="$PATH" setsid "$LAB/cell" outer "$STATE" </dev/null >"$STATE/engine.log" 2>&1 8>&- 9>&- &
    pid=$!
    wait_for 30 "the lab's engine" engine_settled "$pid"
    if ! engine version >/dev/null 2>&1; then
        say "the end of $STATE/engine.log:"
        tail -n 15 "$STATE/engine.log" >&2
        die "the lab's engine did not start"
    fi
}

# Answers, or never will.
engine_settled() { engine version || ! kill -0 "$1"; }

# load_images IMAGE...: these and what they are layers on, unless they are there. All that can be loaded at once is.
load_images() {
    local image base whole=() layers=() layers_on_layers=()
    for image in $(with_bases services host "$@"); do
        base=$(recipe_says LAYER_OF "$image")
        if [ -z "$base" ]; then
            whole+=("$image")
        elif [ -z "$(recipe_says LAYER_OF "$base")" ]; then
            layers+=("$image")
        else
            layers_on_layers+=("$image")
        fi
    done
    load_together "${whole[@]}"
    load_together "${layers[@]}"
    for image in "${layers_on_layers[@]}"; do load_image "$image"; done
    make_small_images
}

load_together() {
    local image jobs=()
    for image in "$@"; do
        load_image "$image" &
        jobs+=($!)
    done
    all_went_well "${jobs[@]}" || exit 1
}

all_went_well() {
    local job outcome=0
    for job in "$@"; do
        wait "$job" || outcome=1
    done
    return "$outcome"
}

# Under its name, and under its name with its recipe's digest: a recipe that has changed since is loaded anew.
load_image() {
    local image=$1 base tarball digest
    digest=$(recipe_digest "$image")
    if engine image inspect "dtrctl-lab/$image:$digest" >/dev/null 2>&1; then return 0; fi
    base=$(recipe_says LAYER_OF "$image")
    tarball=$(image_tarball "$image")
    if ! {
        if [ -z "$base" ]; then
            engine import "$tarball" "dtrctl-lab/$image:$digest" >/dev/null
        else
            import_layer "$tarball" "layer-$image" "dtrctl-lab/$base" "dtrctl-lab/$image:$digest"
        fi && engine tag "dtrctl-lab/$image:$digest" "dtrctl-lab/$image"
    }; then
        die "the image $tarball could not be loaded: remove it, and it is built again"
    fi
}

# import_layer TARBALL CONTAINER BASE IMAGE
import_layer() {
    engine rm -f "$2" >/dev/null 2>&1 || true
    # shellcheck disable=SC2016  # expanded in the container
    engine run -i --name "$2" --network none --tmpfs /mnt:size=4g,exec "$3" sh -c \
        'set -e; tar -C /mnt -xp; cd /; xargs -r -d "\n" rm -rf -- </mnt/gone; cp -a --remove-destination /mnt/root/. /' <"$1" >/dev/null &&
        engine commit "$2" "$4" >/dev/null &&
        engine rm "$2" >/dev/null
}

# Of the services' image: BusyBox alone, 2 MB, asleep; and the registry, under the name and with the way to start it that
# a registry's image usually has.
make_small_images() {
    local idle=${ADDRESS[plain.lab]}:5000/idle:1
    if engine image inspect idle:1 registry:2 >/dev/null 2>&1; then return 0; fi
    tar -xOf "$(image_tarball services)" ./bin/busybox >"$STATE/busybox" && chmod 755 "$STATE/busybox"
    tar -C "$STATE" --transform 's,^busybox,bin/busybox,' --owner=0 --group=0 -c busybox |
        engine import -c 'ENTRYPOINT ["/bin/busybox"]' -c 'CMD ["sleep", "86400"]' - "$idle" >/dev/null ||
        die "the idle image could not be made"
    engine tag "$idle" idle:1
    engine import -c 'ENTRYPOINT ["docker-registry", "serve"]' -c 'CMD ["/etc/docker/registry/config.yml"]' \
        -c 'EXPOSE 5000' -c 'VOLUME /var/lib/registry' "$(image_tarball services)" registry:2 >/dev/null ||
        die "the registry's image could not be made"
}

# Also after an `up` that stopped half-way, after a reboot, and when there is nothing to do.
clean_up() {
    local mount
    # shellcheck disable=SC2119  # without an argument: our own
    if cell_lives; then kill -KILL "$(cell_pid)"; fi
    # The kernel ends every process of the cell with its first one; empty groups are how one sees that it has.
    if ! wait_for 20 "the end of the lab's processes" cell_is_empty; then
        say "still there: $(cell_processes | paste -sd' ')"
        exit 1
    fi
    unplug
    # Whoever builds an image holds the lock that is ours now: these were left by a build that was cut short.
    rm -rf "$CACHE"/build.*
    while read -r mount; do
        # Process 1 of a killed cell takes a moment to let go of its groups.
        wait_for 10 "$mount/dtrctl-lab to be free" remove_groups "$mount/dtrctl-lab" || exit 1
    done < <(cgroup_mount_points)
    if [ -e "$STATE/is-a-lab" ]; then rm -rf --one-file-system "$STATE"; fi
}

cgroup_mount_points() {
    awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo
}

cell_processes() {
    local mount
    while read -r mount; do
        [ ! -d "$mount/dtrctl-lab" ] || find "$mount/dtrctl-lab" -name cgroup.procs -exec cat {} +
    done < <(cgroup_mount_points) | sort -un
}

# shellcheck disable=SC2119  # without an argument: our own
cell_is_empty() { ! cell_lives && [ -z "$(cell_processes)" ]; }

remove_groups() { [ ! -d "$1" ] || find "$1" -depth -type d -delete; }
