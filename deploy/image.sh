#!/bin/sh
# An image with dtrctl, ssh and a shell, made of this machine's own files: no registry and no base image are needed.
#
#   deploy/image.sh target/release/dtrctl | docker import - dtrctl
#
# It writes a tar to standard output. What dtrctl needs of a machine is this much; any image that has it will do.
set -eu

[ $# -eq 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 1; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

take() {
    mkdir -p "$tree/$(dirname "$1")"
    [ -e "$tree/$1" ] || cp -L "$1" "$tree/$1"
}

# put PROGRAM [NAME]: a program, and the libraries that it links to, each at its place.
put() {
    mkdir -p "$tree/$(dirname "${2:-$1}")"
    cp -L "$1" "$tree/${2:-$1}"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        take "$library"
    done
}

mkdir -p "$tree/root" "$tree/etc" "$tree/tmp"
chmod 700 "$tree/root"
chmod 1777 "$tree/tmp"
put "$1" /usr/bin/dtrctl
put /bin/sh
put "$(command -v ssh)" /usr/bin/ssh
# Before glibc 2.34 names are looked up by libraries that nothing links to.
for library in /lib/*/libnss_files.so.2 /lib/*/libnss_dns.so.2 /lib64/libnss_files.so.2 /lib64/libnss_dns.so.2; do
    [ ! -e "$library" ] || take "$library"
done
# ssh asks who it is, and names are looked up as usual: by files, then DNS.
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\n' >"$tree/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$tree/etc/nsswitch.conf"
tar -C "$tree" --owner=0 --group=0 -c .
