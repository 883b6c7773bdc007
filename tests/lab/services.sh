# shellcheck shell=bash
#
# What the hosts talk to: the registries, each Debian's docker-registry in a container of its own, and a name server.
# All of them serve one storage: the image is pushed once, through the one that speaks plain HTTP.

start_services() {
    mkdir -p "$STATE/registry/storage"
    start_name_server
    # The hash is bcrypt, the only kind that the registry takes; perl's crypt makes it, so no htpasswd is needed.
    printf '%s:%s\n' "$REGISTRY_USER" "$(openssl rand -hex 16 | PASSWORD=$REGISTRY_PASSWORD perl -ne \
        'chomp; print crypt($ENV{PASSWORD}, q($2y$05$) . substr($_, 0, 22))')" >"$STATE/registry/htpasswd"
    start_registries plain.lab:5000 registry.lab:5000:registry.chain.pem:registry.key:password \
        selfsigned.lab:5000:selfsigned.pem:selfsigned.key cnonly.lab:5000:cnonly.pem:cnonly.key \
        nochain.lab:5000:nochain.pem:nochain.key expired.lab:5000:expired.chain.pem:expired.key \
        leafca.lab:5000:leafca.pem:leafca.key secure.lab:443:secure.chain.pem:secure.key \
        cross.lab:5000:cross.chain.pem:cross.key
}

# start_registries NAME:PORT[:CHAIN:KEY[:password]]…, all at once
start_registries() {
    local registry words jobs=()
    for registry in "$@"; do
        IFS=: read -ra words <<<"$registry"
        start_registry "${words[@]}" &
        jobs+=($!)
    done
    all_went_well "${jobs[@]}" || exit 1
}

# start_registry NAME PORT [CHAIN KEY [password]]
start_registry() {
    local name=$1 port=$2 chain=${3:-} key=${4:-} password=${5:-} config=$STATE/registry/$1.yml
    running "$name" && return 0
    engine rm -fv "$name" >/dev/null 2>&1 || true
    {
        printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: /storage}}\nhttp:\n  addr: :%s\n' "$port"
        if [ -n "$chain" ]; then printf '  tls: {certificate: /pki/%s, key: /pki/%s}\n' "$chain" "$key"; fi
        if [ -n "$password" ]; then printf 'auth: {htpasswd: {realm: lab, path: /htpasswd}}\n'; fi
    } >"$config"
    engine run -d --name "$name" --hostname "$name" --network lab --ip "${ADDRESS[$name]}" \
        -v "$config:/config.yml:ro" -v "$STATE/pki:/pki:ro" -v "$STATE/registry/htpasswd:/htpasswd:ro" \
        -v "$STATE/registry/storage:/storage" \
        --entrypoint /usr/bin/docker-registry dtrctl-lab/services serve /config.yml >/dev/null ||
        die "the registry $name could not be started"
}

# Docker's own resolver answers for the lab's containers and asks on for the rest. With nobody there to ask, a lookup
# of an unknown name takes 20 s; this answers NXDOMAIN at once, as a real network does.
start_name_server() {
    running dns && return 0
    engine rm -fv dns >/dev/null 2>&1 || true
    # shellcheck disable=SC2016  # Perl's variables, not the shell's
    engine run -d --name dns --network lab --ip "$DNS" dtrctl-lab/host perl -MIO::Socket::INET -e '
        my $socket = IO::Socket::INET->new(LocalPort => 53, Proto => "udp") or die $!;
        while (defined $socket->recv(my $query, 512)) {
            # Identity and question as they came; flags: a response, recursion, no such name; nothing else.
            my ($name) = substr($query, 12) =~ /^([^\0]*\0....)/s or next;
            $socket->send(substr($query, 0, 2) . pack("n5", 0x8183, 1, 0, 0, 0) . $name);
        }' >/dev/null || die "the name server could not be started"
}

# Each answers; whether a client is content with what it sends is what the tests are about.
wait_for_services() {
    local name url
    for name in $(registry_names); do
        case $name in
        plain.lab) url=http://$name:5000/v2/ ;;
        secure.lab) url=https://$name/v2/ ;;
        *) url=https://$name:5000/v2/ ;;
        esac
        wait_for 20 "$name" curl -sk -o /dev/null "$url" || return 1
    done
}

# The idle image: BusyBox, sleeping. To be pulled from the registries, and to be the container that a restart stops.
push_idle_image() {
    engine push -q "${ADDRESS[plain.lab]}:5000/idle:1" >/dev/null || die "the idle image could not be pushed to plain.lab"
}
