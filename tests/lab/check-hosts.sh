# shellcheck shell=bash
# shellcheck disable=SC2154  # the names DTRCTL_LAB_… are declared in check
# shellcheck disable=SC2016  # what a host's shell expands
#
# What check asks of each host.

check_web1() {
    says 'password is required' 'web1: pw logs in by key, and sudo asks for a password' login pw@web1 sudo -n true
    says '^0$' 'web1: that password is the documented one' \
        login pw@web1 "printf '%s\n' '$DTRCTL_LAB_PW_PASSWORD' | sudo -S -p '' id -u"
    says '^0$' 'web1: root logs in by key' login root@web1 id -u
    says '^running$' 'web1: systemd is content' on web1 systemctl is-system-running
    says '^20\.10\.' 'web1: the engine is 20.10' engine_version web1
}

# With web1's engine, which knows none of the certificates at first.
check_registries() {
    local pki=$DTRCTL_LAB_PKI
    says '^exit 60$' 'registry.lab: curl does not trust it' on web1 curl -sS "https://$DTRCTL_LAB_REGISTRY/v2/"
    says '^401' 'registry.lab: with the root it does, and a password is wanted' \
        status_of --cacert "$DTRCTL_LAB_ROOT_CA" "https://$DTRCTL_LAB_REGISTRY/v2/"
    says '^200' 'registry.lab: which is the documented one' status_of --cacert "$DTRCTL_LAB_ROOT_CA" \
        -u "$DTRCTL_LAB_REGISTRY_USER:$DTRCTL_LAB_REGISTRY_PASSWORD" "https://$DTRCTL_LAB_REGISTRY/v2/"
    says 'x509: certificate signed by unknown authority' 'selfsigned.lab: docker does not trust it' \
        on web1 docker pull "$DTRCTL_LAB_SELFSIGNED/idle:1"
    says '^200' 'selfsigned.lab: with its certificate curl does' \
        status_of --cacert "$pki/selfsigned.pem" "https://$DTRCTL_LAB_SELFSIGNED/v2/"
    says 'relies on legacy Common Name field' 'cnonly.lab: docker wants a SAN' on web1 docker pull "$DTRCTL_LAB_CNONLY/idle:1"
    says 'server gave HTTP response to HTTPS client' 'plain.lab: docker wants TLS' \
        on web1 docker pull "$DTRCTL_LAB_PLAIN/idle:1"
    says 'no such host' 'an unknown name is unknown at once' on web1 timeout 5 docker pull unknown.lab:5000/x

    trust web1 "$DTRCTL_LAB_NOCHAIN" "$pki/root.pem"
    says 'x509: certificate signed by unknown authority' 'nochain.lab: with the root alone docker cannot build a chain' \
        on web1 docker pull "$DTRCTL_LAB_NOCHAIN/idle:1"
    trust web1 "$DTRCTL_LAB_NOCHAIN" "$pki/root.pem" "$pki/intermediate.pem"
    says 'exit 0' 'nochain.lab: with the intermediate beside it it can' on web1 docker pull -q "$DTRCTL_LAB_NOCHAIN/idle:1"
    trust web1 "$DTRCTL_LAB_EXPIRED" "$pki/root.pem"
    says 'x509: certificate has expired or is not yet valid' 'expired.lab: with the root docker looks at the dates' \
        on web1 docker pull "$DTRCTL_LAB_EXPIRED/idle:1"
    trust web1 "$DTRCTL_LAB_LEAFCA" "$pki/leafca.pem"
    says 'exit 0' 'leafca.lab: docker takes a certificate that is no CA as its own anchor' \
        on web1 docker pull -q "$DTRCTL_LAB_LEAFCA/idle:1"
    trust web1 "$DTRCTL_LAB_SECURE:443" "$pki/root.pem"
    says 'x509: certificate signed by unknown authority' 'secure.lab: an anchor for :443 is not one for the bare name' \
        on web1 docker pull "$DTRCTL_LAB_SECURE/idle:1"
    trust web1 "$DTRCTL_LAB_SECURE" "$pki/root.pem"
    says 'exit 0' 'secure.lab: with one for the bare name the port need not be named' \
        on web1 docker pull -q "$DTRCTL_LAB_SECURE/idle:1"
    says '^3$' 'cross.lab: three certificates are sent' chain_length "$DTRCTL_LAB_CROSS"
    trust web1 "$DTRCTL_LAB_CROSS" "$pki/root.pem"
    says 'exit 0' 'cross.lab: the old root will do' on web1 docker pull -q "$DTRCTL_LAB_CROSS/idle:1"
    trust web1 "$DTRCTL_LAB_CROSS" "$pki/next.pem"
    says 'exit 0' 'cross.lab: and so will the new one' on web1 docker pull -q "$DTRCTL_LAB_CROSS/idle:1"
    anew web1
}

chain_length() {
    openssl s_client -connect "$1" -servername "${1%:*}" -showcerts </dev/null 2>/dev/null | grep -c 'BEGIN CERTIFICATE'
}

check_cure() {
    local empty made_above
    says 'exit 0' 'web1: the idle image can be put in by hand' "$LAB/lab" load web1
    says 'exit 0' 'web1: and runs' on web1 docker run -d --name idle idle:1
    says '^true$' 'web1: and goes on running' on web1 docker inspect -f '{{.State.Running}}' idle
    empty=$("$LAB/lab" snapshot web1)
    says '^exit 0$' 'web1: two snapshots without a change are equal' diff <(echo "$empty") <("$LAB/lab" snapshot web1)

    # The cure, by hand: the root into certs.d, a login, a pull.
    trust web1 "$DTRCTL_LAB_REGISTRY" "$DTRCTL_LAB_ROOT_CA"
    says 'no basic auth credentials' 'web1: with the root in certs.d the registry asks for a password' \
        on web1 docker pull "$DTRCTL_LAB_IMAGE"
    says 'Login Succeeded' 'web1: docker login takes it' on web1 docker login -u "$DTRCTL_LAB_REGISTRY_USER" \
        -p "$DTRCTL_LAB_REGISTRY_PASSWORD" "$DTRCTL_LAB_REGISTRY"
    says 'exit 0' 'web1: and the pull works' on web1 docker pull "$DTRCTL_LAB_IMAGE"
    says 'certs.d' 'web1: a snapshot shows the new file' diff <(echo "$empty") <("$LAB/lab" snapshot web1)

    anew web1
    says '^0$' 'web1: and still the same host to ssh' login web1 sudo -n id -u
    # dockerd's own identity, made at its first start.
    made_above='^/etc/docker/key.json'
    says '^exit 0$' 'web1: and as clean as it was' diff <(grep -v "$made_above" <<<"$empty") \
        <("$LAB/lab" snapshot web1 | grep -v "$made_above")
}

check_deb26() {
    says '^13$' 'deb26: is Debian 13' shell deb26 '. /etc/os-release; echo $VERSION_ID'
    says '^running$' 'deb26: systemd is content' on deb26 systemctl is-system-running
    says '^26\.1' 'deb26: the engine is 26.1' engine_version deb26
    says 'tls: failed to verify certificate: x509: certificate signed by unknown' 'deb26: and words it as a newer Go does' \
        on deb26 docker pull "$DTRCTL_LAB_CROSS/idle:1"
}

engine_version() { on "$1" docker version -f '{{.Server.Version}}'; }

check_deb28() {
    says '^running$' 'deb28: systemd is content' on deb28 systemctl is-system-running
    says '^\(28\|29\|[3-9][0-9]\)\.' 'deb28: the engine is 28 or newer' engine_version deb28
    engine_version deb28 | grep -q '^28\.' && says '^overlay2 \[\[Backing' 'deb28: its image store is the old one' \
        on deb28 docker info -f '{{.Driver}} {{.DriverStatus}}'
    put deb28 /etc/docker/daemon.json <(echo '{"features": {"containerd-snapshotter": true}}')
    says 'exit 0' 'deb28: another one is a matter of daemon.json and a restart' on deb28 systemctl restart docker
    says 'driver-type io.containerd.snapshotter.v1' "deb28: and it is containerd's" on deb28 docker info -f '{{.DriverStatus}}'
    says 'failed to resolve reference .*x509: certificate signed by unknown' 'deb28: which words it in its own way' \
        on deb28 docker pull "$DTRCTL_LAB_CROSS/idle:1"
    trust deb28 "$DTRCTL_LAB_CROSS" "$DTRCTL_LAB_PKI/next.pem"
    says 'exit 0' 'deb28: with the anchor it pulls' on deb28 docker pull -q "$DTRCTL_LAB_CROSS/idle:1"
    says 'exit 0' 'deb28: and runs what it has pulled' on deb28 docker run -d "$DTRCTL_LAB_CROSS/idle:1"
}

check_rhel1() {
    local bundle=/etc/pki/tls/certs/ca-bundle.crt anchors=/etc/pki/ca-trust/source/anchors
    says '^rocky rhel centos fedora$' "rhel1: has RHEL's name" shell rhel1 '. /etc/os-release; echo $ID $ID_LIKE'
    says '^exit 2$' "rhel1: none of Debian's store" on rhel1 ls /etc/ssl /usr/sbin/update-ca-certificates
    put rhel1 $anchors/leaf.crt "$DTRCTL_LAB_PKI/leafca.pem"
    says 'exit 0' 'rhel1: update-ca-trust' on rhel1 update-ca-trust
    says '^exit 1$' 'rhel1: leaves out, without a word, what is no CA' shell rhel1 "grep leafca.lab $bundle"
    says '^exit 60$' 'rhel1: curl does not trust registry.lab' on rhel1 curl -sS "https://$DTRCTL_LAB_REGISTRY/v2/"
    put rhel1 $anchors/root.pem "$DTRCTL_LAB_ROOT_CA"
    says 'exit 0' 'rhel1: update-ca-trust extract' on rhel1 update-ca-trust extract
    says 'dtrctl lab root CA' 'rhel1: takes in what is one' on rhel1 grep 'dtrctl lab root CA' $bundle
    says '^401' "rhel1: curl reads RHEL's bundle" on rhel1 curl -s -o /dev/null -w '%{http_code}' "https://$DTRCTL_LAB_REGISTRY/v2/"
    says 'Verification: OK' 'rhel1: and so does openssl' shell rhel1 "openssl s_client -connect $DTRCTL_LAB_REGISTRY </dev/null"
    says 'x509: certificate signed by unknown authority' 'rhel1: dockerd has read it before' \
        on rhel1 docker pull "$DTRCTL_LAB_REGISTRY/x"
    says 'exit 0' 'rhel1: a restart' on rhel1 systemctl restart docker
    says 'no basic auth credentials' 'rhel1: has it read it again' on rhel1 docker pull "$DTRCTL_LAB_REGISTRY/x"
}

check_b2d1() {
    local disk=/var/lib/boot2docker pki=$DTRCTL_LAB_PKI
    says 'BusyBox' 'b2d1: its shell is BusyBox' shell b2d1 'readlink -f /bin/sh; /bin/sh --help'
    says '^exit 127$' 'b2d1: there is no bash, no Python, no systemd' shell b2d1 'which bash python3 systemctl || exit 127'
    says '^boot2docker 18.09' 'b2d1: says who it is' shell b2d1 '. /etc/os-release; echo $ID $VERSION_ID'
    says 'provider=virtualbox' "b2d1: runs with docker-machine's profile" on b2d1 docker info -f '{{.Labels}}'
    says '^200' 'b2d1: can be reached as docker-machine does' status_of --cacert "$pki/machine.pem" \
        --cert "$pki/machine-client.pem" --key "$pki/machine-client.key" https://198.18.0.232:2376/_ping
    says '^exit 0$' 'b2d1: two snapshots without a change are equal' \
        diff <("$LAB/lab" snapshot b2d1) <("$LAB/lab" snapshot b2d1)
    put b2d1 /etc/lost /dev/null
    put b2d1 $disk/certs/lab.pem "$DTRCTL_LAB_ROOT_CA"
    put b2d1 $disk/bootsync.sh <(echo 'pidof dockerd >/tmp/dockerd-before || echo no dockerd yet >/tmp/synced')
    put b2d1 $disk/bootlocal.sh <(echo 'sleep 1; pidof dockerd >/tmp/local')
    says 'exit 0' 'b2d1: the certificate of one registry' put b2d1 "/etc/docker/certs.d/$DTRCTL_LAB_CROSS/ca.crt" "$pki/next.pem"
    says 'exit 0' 'b2d1: a reboot' "$LAB/lab" reboot b2d1
    says 'exit 1' 'b2d1: loses /etc' on b2d1 ls /etc/lost
    says 'no basic auth credentials' 'b2d1: has read the certificates of its disk' on b2d1 docker pull "$DTRCTL_LAB_REGISTRY/x"
    says 'exit 0' 'b2d1: and keeps /etc/docker' on b2d1 docker pull -q "$DTRCTL_LAB_CROSS/idle:1"
    says 'no dockerd yet' 'b2d1: bootsync.sh ran before the daemon' on b2d1 cat /tmp/synced
    sleep 1.5
    says '^[0-9]' 'b2d1: bootlocal.sh after it' on b2d1 cat /tmp/local
    says '^0$' 'b2d1: the user gets in as before' login b2d1 sudo -n id -u
    shell b2d1 "echo 'EXTRA_ARGS=\"\$EXTRA_ARGS --no-such-flag\"' >>$disk/profile"
    says 'exit 0' 'b2d1: the script starts a daemon that dies, and says that all is well' on b2d1 /etc/init.d/docker restart
    sleep 1
    says 'unknown flag: --no-such-flag' 'b2d1: the log knows better' on b2d1 cat $disk/log/docker.log
    says 'is not running' 'b2d1: and so does status' on b2d1 /etc/init.d/docker status
    says 'exit 0' 'b2d1: an older one' "$LAB/lab" reset b2d1 1.9.1
    says '^exit 1$' 'b2d1: whose /etc/docker does not last' shell b2d1 'test -L /etc/docker'
    says 'Usage' 'b2d1: whose script knows no reload' on b2d1 /etc/init.d/docker reload
    says 'exit 0' 'b2d1: and whose log lies elsewhere' on b2d1 test -s $disk/docker.log
}

check_sysv1() {
    says '^init$' 'sysv1: process 1 is sysvinit' on sysv1 cat /proc/1/comm
    says 'No such file' 'sysv1: there is no systemd' on sysv1 ls /run/systemd/system
    says 'Docker is running' 'sysv1: the script knows its daemon' on sysv1 service docker status
    says 'exit 0' 'sysv1: and restarts it' on sysv1 service docker restart
    says 'exit 0' 'sysv1: it answers a little later' wait_for_docker sysv1
    "$LAB/lab" load sysv1 >/dev/null
    says 'exit 0' 'sysv1: a container runs' on sysv1 docker run -d --restart always idle:1
    put sysv1 /etc/kept /dev/null
    says 'exit 0' 'sysv1: a reboot' "$LAB/lab" reboot sysv1
    says 'exit 0' 'sysv1: keeps the disk' on sysv1 ls /etc/kept
    says 'idle:1' 'sysv1: and has the container back' on sysv1 docker ps
}

check_openrc1() {
    says 'status: started' 'openrc1: rc-service knows the daemon' on openrc1 rc-service docker status
    put openrc1 /etc/docker/daemon.json <(echo '{"labels": ["reloaded=yes"]}')
    says 'exit 0' 'openrc1: reload' on openrc1 rc-service docker reload
    says 'exit 0' 'openrc1: has the daemon read its settings' wait_for_label openrc1
    says 'exit 0' 'openrc1: restart' on openrc1 rc-service docker restart
    says 'exit 0' 'openrc1: it answers a little later' wait_for_docker openrc1
    says 'exit 0' 'openrc1: a reboot' "$LAB/lab" reboot openrc1
}

# Ten seconds at most.
wait_for_docker() { shell "$1" 'for i in $(seq 50); do docker version >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1'; }
wait_for_label() { shell "$1" 'for i in $(seq 50); do docker info | grep reloaded=yes && exit 0; sleep 0.2; done; exit 1'; }

check_rootless1() {
    local socket=unix:///run/user/1002/docker.sock
    says '^2$' 'rootless1: has two sockets' shell rootless1 'ls /run/docker.sock /run/user/1002/docker.sock | wc -l'
    says '^active$' "rootless1: alice's daemon is her systemd's" login alice@rootless1 systemctl --user is-active docker
    says 'name=rootless' 'rootless1: and knows that it is rootless' \
        login alice@rootless1 "docker -H $socket info -f '{{.SecurityOptions}}'"
    says '^/home/alice/.local/share/docker$' 'rootless1: its data is hers' \
        login alice@rootless1 "docker -H $socket info -f '{{.DockerRootDir}}'"
    says '^/var/lib/docker$' "rootless1: the other one's is the system's" on rootless1 docker info -f '{{.DockerRootDir}}'
    says 'permission denied' 'rootless1: which she may not ask' login alice@rootless1 docker info
    says 'x509: certificate signed by unknown authority' 'rootless1: hers does not trust secure.lab' \
        login alice@rootless1 "docker -H $socket pull $DTRCTL_LAB_SECURE/idle:1"
    put rootless1 "/home/alice/.config/docker/certs.d/$DTRCTL_LAB_SECURE/ca.crt" "$DTRCTL_LAB_ROOT_CA"
    says 'exit 0' "rootless1: with the anchor in her folder it does" \
        login alice@rootless1 "docker -H $socket pull -q $DTRCTL_LAB_SECURE/idle:1"
    says 'x509: certificate signed by unknown authority' "rootless1: the system's still does not" \
        on rootless1 docker pull "$DTRCTL_LAB_SECURE/idle:1"
    says 'exit 0' 'rootless1: she runs a container' \
        login alice@rootless1 "docker -H $socket run -d $DTRCTL_LAB_SECURE/idle:1"
    says '^0$' 'rootless1: nobody else sees it' shell rootless1 'docker ps -q | wc -l'
    says 'exit 0' 'rootless1: a reboot' "$LAB/lab" reboot rootless1
    says '^active$' 'rootless1: brings her daemon back, without her' login alice@rootless1 systemctl --user is-active docker
}

check_reg1() {
    local etc=/etc/docker/registry pki=$DTRCTL_LAB_PKI
    says '^active$' 'reg1: the registry is a service' on reg1 systemctl is-active docker-registry
    says '^200' 'reg1: which the root vouches for' status_of --cacert "$DTRCTL_LAB_ROOT_CA" "https://$DTRCTL_LAB_REG/v2/"
    trust reg1 "$DTRCTL_LAB_REG" "$DTRCTL_LAB_ROOT_CA"
    says 'exit 0' 'reg1: and serves the idle image' on reg1 docker pull -q "$DTRCTL_LAB_REG/idle:1"
    says '^600 docker-registry$' "reg1: the key is the service's only" on reg1 stat -c '%a %U' $etc/server.key
    put reg1 $etc/server.crt "$pki/intermediate.pem" "$pki/reg1.pem"
    on reg1 systemctl restart docker-registry
    says 'private key does not match public key' 'reg1: the wrong order of certificates ends it' \
        shell reg1 'for i in $(seq 50); do journalctl -u docker-registry -o cat | grep "private key" && break; sleep 0.2; done'
    put reg1 $etc/server.crt "$pki/reg1-next.chain.pem"
    put reg1 $etc/server.key "$pki/reg1-next.key"
    on reg1 systemctl restart docker-registry
    says '^200' 'reg1: the other pair is vouched for by the next root' status_of --retry 20 --retry-connrefused --retry-delay 1 \
        --cacert "$pki/next.pem" "https://$DTRCTL_LAB_REG/v2/"
    says 'registry:2' "reg1: the registry's image can be put in by hand" "$LAB/lab" load reg1 registry:2
    on reg1 docker run -d -p 5001:5000 registry:2 >/dev/null
    says '^200' 'reg1: and runs as a container' status_of --retry 20 --retry-connrefused --retry-delay 1 http://reg1.lab:5001/v2/
}
