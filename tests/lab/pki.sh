# shellcheck shell=bash
#
# The registries' certificates, made once for each lab, whose `up` adds those that are missing:
#   registry    root CA -> intermediate CA -> leaf with SANs; the server sends leaf and intermediate, as it should
#   selfsigned  CA:TRUE with a SAN: what most private registries have
#   cnonly      CA:TRUE, name in the CN only: what Docker Trusted Registry made by itself; no engine of today takes it
#   nochain     a leaf of the same intermediate, which the server does not send
#   expired     the same, sent, but the leaf's time is over
#   leafca      self-signed, CA:FALSE, with a SAN: dockerd takes it as an anchor, RHEL's store ignores it
#   secure      a leaf of the intermediate, for the port that need not be named
#   cross       root CA "next" -> issuing CA -> leaf; "next" is signed by the old root, too. The server sends leaf, next by
#               the old root, issuing CA: cross-signed and out of order

make_pki() {
    local pki=$STATE/pki name
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
[cnonly]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[selfsigned]
basicConstraints = critical, CA:TRUE
subjectAltName = $(names selfsigned)
subjectKeyIdentifier = hash
[leafca]
basicConstraints = critical, CA:FALSE
subjectAltName = $(names leafca)
subjectKeyIdentifier = hash
END
        for name in registry nochain expired secure cross reg1; do
            cat <<END
[$name]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $(names "$name")
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
        done >>extensions.cnf
        cat >>extensions.cnf <<END
[machine-server]
subjectAltName = IP:${ADDRESS[b2d1]}, DNS:localhost
extendedKeyUsage = serverAuth
[machine-client]
extendedKeyUsage = clientAuth
END
        # Backdated by nothing, so a clock that is behind shows; 90 days for the leaf, as authorities give today.
        certify root "/CN=dtrctl lab root CA" 3650 &&
            certify intermediate "/CN=dtrctl lab intermediate CA" 1825 root &&
            certify registry /CN=registry.lab 90 intermediate &&
            certify nochain /CN=nochain.lab 90 intermediate &&
            certify secure /CN=secure.lab 90 intermediate &&
            certify selfsigned /CN=selfsigned.lab 365 &&
            certify cnonly /CN=cnonly.lab 365 &&
            certify leafca /CN=leafca.lab 365 &&
            certify reg1 /CN=reg1.lab 90 intermediate &&
            make_expired && make_cross &&
            certify reg1-next /CN=reg1.lab 90 issuing reg1 &&
            certify machine /O=lab 1080 "" root &&
            certify machine-server /O=lab.b2d1 1080 machine &&
            certify machine-client /O=lab.client 1080 machine &&
            cat registry.pem intermediate.pem >registry.chain.pem &&
            cat secure.pem intermediate.pem >secure.chain.pem &&
            cat reg1.pem intermediate.pem >reg1.chain.pem &&
            cat reg1-next.pem issuing.pem >reg1-next.chain.pem &&
            cat expired.pem intermediate.pem >expired.chain.pem &&
            cat cross.pem next-by-root.pem issuing.pem >cross.chain.pem
    ) || die "openssl could not make the registries' certificates; it said: $(tail -n 3 "$pki/openssl.log")"
}

names() { printf 'DNS:%s.lab, IP:%s' "$1" "${ADDRESS[$1.lab]}"; }

# certify NAME SUBJECT DAYS [CA [EXTENSIONS]]: a key, a request, and a certificate, self-signed unless given a CA.
certify() {
    [ ! -s "$1.pem" ] || return 0
    request "$1" "$2" && sign "$1" "$1" "$3" "${4:-}" "${5:-$1}"
}

request() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -subj "$2" \
        -out "$1.csr" 2>>openssl.log
}

# sign FILE REQUEST DAYS CA EXTENSIONS
sign() {
    local signer=(-signkey "$2.key")
    [ -z "$4" ] || signer=(-CA "$4.pem" -CAkey "$4.key" -CAcreateserial)
    openssl x509 -req -in "$2.csr" -days "$3" -sha256 -extfile extensions.cnf -extensions "$5" "${signer[@]}" \
        -out "$1.pem" 2>>openssl.log
}

# Only `openssl ca` can sign for a time that is over: a month ago, for a day.
make_expired() {
    [ ! -s expired.pem ] || return 0
    request expired /CN=expired.lab && : >index.txt && openssl rand -hex 8 >ca.srl && cat >ca.cnf <<END && openssl ca -batch -config ca.cnf -in expired.csr \
        -cert intermediate.pem -keyfile intermediate.key -extfile extensions.cnf -extensions expired \
        -startdate "$(date -u -d '31 days ago' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d '30 days ago' +%Y%m%d%H%M%SZ)" \
        -notext -out expired.pem 2>>openssl.log
[ca]
default_ca = ca_default
[ca_default]
database = index.txt
new_certs_dir = .
serial = ca.srl
default_md = sha256
policy = anything
[anything]
commonName = supplied
END
}

# Two certificates for one key and one name: `next` signed by itself, and by the old root.
make_cross() {
    certify next "/CN=dtrctl lab next root CA" 3650 "" root &&
        { [ -s next-by-root.pem ] || sign next-by-root next 1825 root root; } &&
        certify issuing "/CN=dtrctl lab issuing CA" 1825 next intermediate &&
        certify cross /CN=cross.lab 90 issuing
}

root_sha256() {
    openssl x509 -in "$STATE/pki/root.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f
}
