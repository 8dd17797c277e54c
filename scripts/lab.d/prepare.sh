# shellcheck shell=bash
# shellcheck disable=SC2154  # cache, tree, bugs, action: set by scripts/lab; lab_packages: scripts/lib/packages.sh
# SPDX-License-Identifier: Apache-2.0
#
# Everything scripts/lab needs before it can boot, made once and kept in $cache (set by scripts/lab):
#
#   halt-firmware.bin                     firmware for nested virtual machines
#   KVER/vmlinux                          uncompressed kernel
#   KVER/lib/modules/KVER/                its modules, with depmod's index and without `build` and `source` links
#   KVER/headers/                         its headers, relocated
#   KVER/complete-RECIPE                  stamp: all of the above is there
#   KVER/initramfs-HASH.gz                first stage of the guest; HASH is of what it is made from, so several checkouts
#   KVER/module-HASH/vmleak_test_leak.ko  and the leak module             of this project share one cache
#   KVER/source-*, build-*, rebuilt-*      the kernel's own modules, see rebuild.sh
#
# Sourced by scripts/lab.

# Raise when the way a kernel is unpacked changes; what older recipes made is then made again.
readonly recipe=1

# ---- one kernel -----------------------------------------------------------------------------------------------------

# Versions of SERIES that have an image and headers, newest last.  Old ones leave the archive within weeks: never name one.
available_kernels() {
    local series=${1//./\\.}
    local version="($series\\.[0-9]+[^-]*(-[0-9]+)?-amd64)"
    comm -12 \
        <(apt-cache search --names-only '^linux-image-' | sed -nE "s/^linux-image-$version-unsigned .*/\\1/p" | sort) \
        <(apt-cache search --names-only '^linux-headers-' | sed -nE "s/^linux-headers-$version .*/\\1/p" | sort) |
        sort --version-sort
}

# The newest cached kernel of SERIES, or nothing.
cached_kernel() {
    local stamp
    for stamp in "$cache/$1."*/complete-"$recipe"; do
        if [[ -e $stamp ]]; then basename "$(dirname "$stamp")"; fi
    done | sort --version-sort | tail --lines=1
}

# The image is not signed: it's the smaller dependency, and nothing here checks signatures.  The compiler packages that
# headers depend on are not fetched: this machine's compiler builds the module.
kernel_packages() {
    local version=$1
    echo "linux-image-$version-unsigned"
    echo "linux-headers-$version"
    apt-cache depends "linux-headers-$version" | sed -nE 's/^[ |]*Depends: (linux-(headers|kbuild)-.*)/\1/p'
}

# extract_vmlinux BZIMAGE: the kernel as an uncompressed ELF file, which QEMU boots through its PVH entry.  A kernel that
# unpacks itself under emulation needs up to 5 s more.  Offsets: Documentation/x86/boot.rst.
extract_vmlinux() {
    local image=$1 sectors offset length
    sectors=$(od --address-radix=n --format=u1 --skip-bytes=$((0x1f1)) --read-bytes=1 "$image")
    offset=$(od --address-radix=n --format=u4 --skip-bytes=$((0x248)) --read-bytes=4 "$image")
    length=$(od --address-radix=n --format=u4 --skip-bytes=$((0x24c)) --read-bytes=4 "$image")

    # The last 4 bytes are the unpacked size, which the decompressors would take for garbage.
    payload() {
        dd if="$image" bs=1M iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) status=none
    }
    case $(od --address-radix=n --format=x1 --skip-bytes=$(((sectors + 1) * 512 + offset)) --read-bytes=4 "$image") in
    ' fd 37 7a 58') payload | xz --decompress --single-stream ;;
    ' 28 b5 2f fd') payload | zstd --quiet --decompress ;;
    *) fail "$image is compressed in a way that is not known here" ;;
    esac
}

fetch_kernel() {
    local version=$1 work
    local -a names
    work=$(mktemp --directory "$cache/new.XXXXXX")
    mapfile -t names < <(kernel_packages "$version")
    say "fetching ${names[*]}"
    (cd "$work" && run_apt download "${names[@]}") 2>/dev/null || {
        # Lists that are a few days old name versions that the archive no longer has.
        update_package_lists
        (cd "$work" && run_apt download "${names[@]}") ||
            fail "could not download the packages of Linux $version" "Is there a network? Then try: scripts/lab --prepare --refresh"
    }

    # Drivers for hardware that the guest can't have are half of the tree, and of the time depmod needs.
    mkdir "$work/kernel"
    dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb | tar --extract --directory="$work/kernel" \
        --exclude='*/kernel/sound' --exclude='*/net/wireless' \
        --exclude='*/drivers/gpu' --exclude='*/drivers/iio' --exclude='*/drivers/infiniband' --exclude='*/drivers/media' \
        --exclude='*/drivers/staging' --exclude='*/drivers/usb'
    extract_vmlinux "$work/kernel/boot/vmlinuz-$version" >"$work/kernel/vmlinux"
    # Compressed modules load slowly under emulation, and busybox's insmod doesn't take them.
    find "$work/kernel/lib/modules" -name '*.ko.xz' -print0 |
        xargs --null --no-run-if-empty --max-args=64 --max-procs="$(nproc)" xz --decompress
    depmod --basedir "$work/kernel" "$version"
    rm -r "$work/kernel/boot" "$work/kernel/usr"

    # Headers find each other by absolute paths, which here start in the cache.
    local package
    for package in "$work"/linux-headers-*.deb "$work"/linux-kbuild-*.deb; do
        dpkg-deb --extract "$package" "$work/kernel/headers"
    done
    sed --in-place "s#/usr/src/#$cache/$version/headers/usr/src/#" \
        "$work/kernel/headers/usr/src/linux-headers-$version/Makefile"

    touch "$work/kernel/complete-$recipe"
    rm -rf "${cache:?}/$version"
    mv "$work/kernel" "$cache/$version"
    rm -r "$work"
}

# ---- what is made from the tree -------------------------------------------------------------------------------------

hash_of() {
    cat "$@" | sha256sum | cut --characters=1-16
}

initramfs_path() {
    echo "$cache/$1/initramfs-$(hash_of "$tree/tests/lab/guest/initramfs").gz"
}

module_path() {
    echo "$cache/$1/module-$(hash_of "$tree"/tests/lab/module/{Kbuild,Makefile,*.[ch]})/vmleak_test_leak.ko"
}

build_initramfs() {
    local version=$1 target=$2 work module
    say "building the initramfs for $version"
    work=$(mktemp --directory "$cache/new.XXXXXX")
    mkdir --parents "$work/root/bin" "$work/root/modules"
    cp "$(type -P busybox)" "$work/root/bin/busybox"
    install --mode=755 "$tree/tests/lab/guest/initramfs" "$work/root/init"

    # In the order in which they need each other.
    modprobe --set-version="$version" --dirname="$cache/$version" --show-depends --all virtio_pci 9pnet_virtio 9p overlay |
        sed -n 's/^insmod \(.*[^ ]\) *$/\1/p' | awk '!seen[$0]++' >"$work/paths"
    while read -r module; do
        cp "$module" "$work/root/modules"
        printf '%s ' "$(basename "$module")"
    done <"$work/paths" >"$work/root/modules/order"
    echo >>"$work/root/modules/order"

    (cd "$work/root" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) | gzip -1 >"$work/initramfs"
    mv "$work/initramfs" "$target"
    rm -r "$work"
}

build_module() {
    local version=$1 target=$2 work
    say "building the leak module for $version"
    work=$(mktemp --directory "$cache/new.XXXXXX")
    cp "$tree"/tests/lab/module/{Kbuild,Makefile,*.[ch]} "$work"
    # Without type information of its own, which nothing here reads and which needs pahole.
    if ! make --directory="$work" CONFIG_DEBUG_INFO_BTF_MODULES= \
        KDIR="$cache/$version/headers/usr/src/linux-headers-$version" >"$work/log" 2>&1; then
        cat "$work/log" >&2
        fail "the leak module does not build for Linux $version"
    fi
    mkdir --parents "$(dirname "$target")"
    mv "$work/vmleak_test_leak.ko" "$target"
    rm -r "$work"
}

# 64 KiB that halt at the reset vector (cli; hlt; jmp back).  A nested machine is then up at once; with SeaBIOS, emulated
# twice, it takes half a minute to find out that it has nothing to boot.
build_firmware() {
    {
        head --bytes=65520 /dev/zero | tr '\0' '\220'
        printf '\372\364\353\375'
        head --bytes=12 /dev/zero | tr '\0' '\220'
    } >"$1.new"
    mv "$1.new" "$1"
}

# ---- all of it ------------------------------------------------------------------------------------------------------

# With the chosen bugs, if any.
is_prepared() {
    local version
    version=$(cached_kernel "$1")
    [[ -n $version && -e $(initramfs_path "$version") && -e $(module_path "$version") && -e $cache/halt-firmware.bin ]] &&
        are_rebuilt "$1" "$version"
}

# fetch_newest_kernel SERIES REFRESH: REFRESH 1 does not trust the package lists of this machine.
fetch_newest_kernel() {
    local series=$1 refresh=$2 version
    version=$(available_kernels "$series" | tail --lines=1)
    if [[ -z $version ]] || ((refresh)); then
        update_package_lists
        version=$(available_kernels "$series" | tail --lines=1)
    fi
    [[ -n $version ]] || fail "this machine's package archive has no Linux $series (linux-image-$series.*-amd64-unsigned)" \
        "Debian 12 with its security archive has it; see /etc/apt/sources.list."
    [[ -e $cache/$version/complete-$recipe ]] || fetch_kernel "$version"
}

# prepare REFRESH SERIES...: REFRESH 1 looks for a newer kernel than the cached one.
prepare() {
    local refresh=$1 series version
    shift
    command -v apt-get >/dev/null || fail "this is not a Debian system" \
        "The lab boots Debian's kernels and takes them, and QEMU, from Debian's archive."
    install_packages "${lab_packages[@]}"
    [[ $cache != *[[:space:]:#]* ]] || fail "the cache directory has a blank, ':' or '#' in its name: $cache" \
        "The kernel's build can't work there. Set VMLEAK_CACHE to another directory."
    mkdir --parents "$cache"

    # Two that prepare at the same time: the second waits and finds it done.  The descriptor, and with it the lock, goes
    # when this subshell ends.
    (
        flock --nonblock 9 || {
            say "waiting for another run of lab that prepares $cache"
            flock 9
        }
        rm -rf "$cache"/new.*
        for series in "$@"; do
            version=$(cached_kernel "$series")
            if [[ -z $version ]] || ((refresh)); then fetch_newest_kernel "$series" "$refresh"; fi
            if ((${#bugs[@]})) || [[ $action == prepare ]]; then fetch_source "$series"; fi
            version=$(cached_kernel "$series")
            [[ -e $(initramfs_path "$version") ]] || build_initramfs "$version" "$(initramfs_path "$version")"
            [[ -e $(module_path "$version") ]] || build_module "$version" "$(module_path "$version")"
            rebuild_modules "$series" "$version"
        done
        [[ -e $cache/halt-firmware.bin ]] || build_firmware "$cache/halt-firmware.bin"
    ) 9>"$cache/lock"
}
