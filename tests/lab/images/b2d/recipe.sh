# shellcheck shell=bash
#
# b2d1: Boot2Docker's shape. BusyBox is the shell and every tool; beside it stand the programs that the real one brings
# along, too: docker's own, sshd, sudo, curl, openssl, iptables. Their binaries are Debian's.
# shellcheck disable=SC2034  # read by image.sh
MADE_FROM=host

make_image() {
    local tree=$1 host=$2 program
    unpack_package "$host" busybox-static "$host/opt/busybox"
    mkdir -p "$tree"/usr/{bin,sbin,lib,lib64,local/bin,local/sbin} "$tree"/{dev,proc,sys,run,tmp,root,var/log,var/lib,home/docker/.ssh}
    for program in bin sbin lib lib64; do ln -s "usr/$program" "$tree/$program"; done
    ln -s ../run "$tree/var/run"
    chmod 1777 "$tree/tmp"
    chmod 700 "$tree/root" "$tree/home/docker/.ssh"
    cp "$host/opt/busybox/bin/busybox" "$tree/bin/busybox"
    chroot "$tree" /bin/busybox --install -s
    put_programs "$host" "$tree"
    # Programs that the real one lacks: its sudo is the only way to become root.
    rm -f "$tree"/bin/su "$tree"/bin/dpkg* "$tree"/bin/rpm*
    put_files b2d "$tree"
    put_users "$tree"
    put_anchors "$host" "$tree"
}

put_programs() {
    local host=$1 tree=$2 program
    copy_program "$host" "$tree" /usr/sbin/dockerd /usr/bin/docker /usr/bin/containerd /usr/bin/containerd-shim-runc-v2 \
        /usr/sbin/runc /usr/sbin/docker-proxy /usr/sbin/sshd /usr/bin/ssh-keygen /usr/bin/sudo /usr/bin/curl \
        /usr/bin/openssl /usr/sbin/xtables-nft-multi
    # Loaded by name while they run.
    for program in "$host"/usr/libexec/sudo/*.so* "$host"/usr/lib/*/xtables/*.so \
        "$host"/usr/lib/*/security/pam_permit.so "$host"/usr/lib/*/engines-3/*.so "$host"/usr/lib/*/ossl-modules/*.so; do
        [ ! -e "$program" ] || copy_program "$host" "$tree" "${program#"$host"}"
    done
    for program in iptables ip6tables iptables-save iptables-restore; do ln -s xtables-nft-multi "$tree/usr/sbin/$program"; done
    for program in dockerd docker containerd containerd-shim-runc-v2 runc docker-proxy; do
        mv "$tree"/usr/*bin/"$program" "$tree/usr/local/bin/$program"
    done
}

put_users() {
    local tree=$1
    printf '%s\n' root:x:0:0:root:/root:/bin/sh docker:x:1000:50:Docker:/home/docker:/bin/sh \
        sshd:x:65:65:sshd:/run/sshd:/bin/false nobody:x:65534:65534:nobody:/:/bin/false >"$tree/etc/passwd"
    printf '%s\n' root:x:0: staff:x:50:docker docker:x:101:docker sshd:x:65: nogroup:x:65534: >"$tree/etc/group"
    # A star is no password, yet no lock either.
    printf '%s:*:19000:0:99999:7:::\n' root docker sshd nobody >"$tree/etc/shadow"
    chmod 600 "$tree/etc/shadow"
    chmod 440 "$tree/etc/sudoers"
    # sshd gives a session that has no login shell a PATH without the sbin folders.
    printf 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' >"$tree/home/docker/.ssh/environment"
    chown -R 1000:50 "$tree/home/docker"
}

put_anchors() {
    local host=$1 tree=$2
    mkdir -p "$tree/usr/local/etc/ssl/certs" "$tree/usr/local/share/ca-certificates/mozilla" "$tree/usr/lib/ssl"
    ln -s ../usr/local/etc/ssl "$tree/etc/ssl"
    ln -s /usr/local/etc/ssl/certs /usr/local/etc/ssl/openssl.cnf "$tree/usr/lib/ssl/"
    cp "$host/etc/ssl/openssl.cnf" "$tree/usr/local/etc/ssl/openssl.cnf"
    cp "$host"/usr/share/ca-certificates/mozilla/*.crt "$tree/usr/local/share/ca-certificates/mozilla/"
    chroot "$tree" /usr/local/sbin/update-ca-certificates
}
