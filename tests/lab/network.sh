# shellcheck shell=bash
#
# The lab's network is a bridge inside the cell; one cable (a veth pair) plugs this machine into it, and marked lines
# in /etc/hosts give the registries their names here. Nothing is routed: no packet of the lab leaves the machine.

plug_in() {
    local cell=$1 name
    if ! engine network inspect lab >/dev/null 2>&1; then
        engine network create --subnet "$SUBNET" --gateway "$GATEWAY" \
            --opt com.docker.network.bridge.name=labbr0 lab >/dev/null
    fi
    if ! ip link show "$CABLE" >/dev/null 2>&1; then
        ip link add "$CABLE" type veth peer name uplink netns "$cell"
        nsenter --net --target "$cell" ip link set uplink master labbr0 up
        # The alias tells whose it is; no addresses of its own making.
        ip link set "$CABLE" alias "$STATE" addrgenmode none
        ip address add "$MACHINE/${SUBNET#*/}" dev "$CABLE"
        ip link set "$CABLE" up
    fi
    unname_registries
    { registry_names && echo reg1.lab; } | while read -r name; do
        printf '%s %s %s\n' "${ADDRESS[$name]}" "$name" "$MARK"
    done >>/etc/hosts
}

unplug() {
    ip link delete "$CABLE" 2>/dev/null || true
    unname_registries
}

# Written through, not replaced: in a container /etc/hosts is a mount.
unname_registries() {
    local kept
    grep -q "$MARK\$" /etc/hosts || return 0
    kept=$(grep -v "$MARK\$" /etc/hosts)
    printf '%s\n' "$kept" >/etc/hosts
}
