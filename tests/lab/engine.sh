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
    env -i PATH="$PATH" setsid "$LAB/cell" outer "$STATE" </dev/null >"$STATE/engine.log" 2>&1 9>&- &
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

load_images() {
    local image
    for image in host services; do
        engine import "$(image_tarball "$image")" "dtrctl-lab/$image" >/dev/null ||
            die "the image $(image_tarball "$image") could not be loaded: remove it, and it is built again"
    done
    # The services' image without the registry: BusyBox alone, 2 MB.
    tar -xOf "$(image_tarball services)" ./bin/busybox >"$STATE/busybox" && chmod 755 "$STATE/busybox"
    tar -C "$STATE" --transform 's,^busybox,bin/busybox,' --owner=0 --group=0 -c busybox |
        engine import -c 'ENTRYPOINT ["/bin/busybox"]' -c 'CMD ["sleep", "86400"]' - "$PLAIN_IP:5000/idle:1" >/dev/null ||
        die "the idle image could not be made"
    engine tag "$PLAIN_IP:5000/idle:1" idle:1
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

remove_groups() { [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} \; ; }
