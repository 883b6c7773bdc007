# shellcheck shell=bash
#
# rhel1: the same Debian in RHEL's shape: where its trust store lies, how it is brought up to date and who reads it. The
# engine, systemd and ssh are Debian's.
# shellcheck disable=SC2034  # read by image.sh
LAYER_OF=host

make_image() {
    local tree=$1 pki=$1/etc/pki library
    install_packages "$tree" p11-kit p11-kit-modules
    # Debian's store goes, with its tool: dockerd looks there first.
    mkdir -p "$tree/usr/share/pki/ca-trust-source/anchors" "$pki/ca-trust/source/anchors" "$pki/ca-trust/source/blocklist" \
        "$pki/ca-trust/extracted/pem" "$pki/ca-trust/extracted/openssl" "$pki/tls/certs" "$pki/tls/private"
    cp "$tree/etc/ssl/certs/ca-certificates.crt" "$tree/usr/share/pki/ca-trust-source/anchors/mozilla.pem"
    chroot "$tree" dpkg --purge --force-depends ca-certificates
    rm -rf "$tree/etc/ssl" "$tree/usr/local/share/ca-certificates" "$tree/usr/share/ca-certificates" \
        "$tree/usr/sbin/update-ca-certificates" "$tree/etc/ca-certificates" "$tree/etc/ca-certificates.conf"
    ln -s ../../ca-trust/extracted/pem/tls-ca-bundle.pem "$pki/tls/certs/ca-bundle.crt"
    ln -s ../../ca-trust/extracted/openssl/ca-bundle.trust.crt "$pki/tls/certs/ca-bundle.trust.crt"
    ln -s certs/ca-bundle.crt "$pki/tls/cert.pem"
    # Where RHEL's OpenSSL and curl look is compiled in; so it is in Debian's, and changed here. curl's path is the
    # longer one by two bytes.
    rm -f "$tree/usr/lib/ssl/certs" "$tree/usr/lib/ssl/cert.pem" "$tree/usr/lib/ssl/private" "$tree/usr/lib/ssl/openssl.cnf"
    ln -s /etc/pki/tls/certs "$tree/usr/lib/ssl/certs"
    ln -s /etc/pki/tls/cert.pem "$tree/usr/lib/ssl/cert.pem"
    for library in "$tree"/usr/lib/*/libcurl*.so.4.*; do
        perl -pi -e 's{/etc/ssl/certs/ca-certificates\.crt}{/etc/pki/tls/certs/ca-bundle.crt\0\0}g' "$library"
    done
    # What tells a Debian.
    rm -f "$tree/etc/debian_version" "$tree"/usr/bin/apt* "$tree"/usr/bin/dpkg* "$tree/etc/dpkg/origins/default"
    put_files rhel "$tree"
    chroot "$tree" update-ca-trust extract
}
