# shellcheck shell=bash
#
# The registries' certificates, made anew at each `up`:
#   registry    root CA -> intermediate CA -> leaf with SANs; the server sends leaf and intermediate, as it should
#   selfsigned  CA:TRUE with a SAN: what most private registries have
#   cnonly      CA:TRUE, name in the CN only: what Docker Trusted Registry made by itself; no engine of today takes it

make_pki() {
    local pki=$STATE/pki
    mkdir -p "$pki"
    (
        cd "$pki" || exit 1
        cat >extensions.cnf <<END
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[registry]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:registry.lab, IP:$REGISTRY_IP
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[selfsigned]
basicConstraints = critical, CA:TRUE
subjectAltName = DNS:selfsigned.lab, IP:$SELFSIGNED_IP
subjectKeyIdentifier = hash
[cnonly]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
END
        # Backdated by nothing, so a clock that is behind shows; 90 days for the leaf, as authorities give today.
        certify root "/CN=dtrctl lab root CA" 3650 &&
            certify intermediate "/CN=dtrctl lab intermediate CA" 1825 -CA root.pem -CAkey root.key &&
            certify registry "/CN=registry.lab" 90 -CA intermediate.pem -CAkey intermediate.key &&
            certify selfsigned "/CN=selfsigned.lab" 365 &&
            certify cnonly "/CN=cnonly.lab" 365 &&
            cat registry.pem intermediate.pem >registry.chain.pem
    ) || die "openssl could not make the registries' certificates"
}

# certify NAME SUBJECT DAYS [-CA FILE -CAkey FILE]: a key, a request, and a certificate, self-signed unless given a CA.
certify() {
    local name=$1 subject=$2 days=$3
    shift 3
    [ $# -gt 0 ] && set -- "$@" -CAcreateserial
    [ $# -gt 0 ] || set -- -signkey "$name.key"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -subj "$subject" \
        -out "$name.csr" 2>>openssl.log &&
        openssl x509 -req -in "$name.csr" -days "$days" -sha256 -extfile extensions.cnf -extensions "$name" "$@" \
            -out "$name.pem" 2>>openssl.log
}

root_sha256() {
    openssl x509 -in "$STATE/pki/root.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f
}
