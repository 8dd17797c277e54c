# shellcheck shell=bash
# shellcheck disable=SC2154  # cache, tree, bugs: set by scripts/lab
# SPDX-License-Identifier: Apache-2.0
#
# Modules of the kernel, built once more from Debian's source with a bug in them (tests/lab/bugs), kept in the cache:
#
#   KVER/source-RECIPE/                  the directories that modules are rebuilt from
#   KVER/build-RECIPE/                   the same, as they were compiled last: what did not change isn't compiled again
#   KVER/rebuilt-MODULE-HASH/MODULE.ko   HASH is of the bugs in it, if any
#
# With the types (BTF), the version magic and the symbols' checksums of the module that they stand for.
#
# Sourced by scripts/lab.

# Raise when the way a source is unpacked or a module is rebuilt changes.
readonly rebuild_recipe=1

# Where each module's Makefile is.  Its .ko is in kernel/ under the same directory.
declare -rA rebuilt_modules=(
    [kvm]=arch/x86/kvm
    [vfio]=drivers/vfio
    [vfio-pci-core]=drivers/vfio/pci
    [vhost]=drivers/vhost
)
readonly source_directories=(arch/x86/kvm virt/kvm drivers/vfio drivers/vhost)

# ---- bugs -----------------------------------------------------------------------------------------------------------

known_bugs() {
    local patch
    for patch in "$tree"/tests/lab/bugs/*.patch; do
        basename "$patch" .patch
    done | sed -E 's/\.[0-9]+\.[0-9]+$//' | sort --unique
}

# is_bug NAME: NAME, or none:MODULE for a module rebuilt as it is.
is_bug() {
    if [[ $1 == none:* ]]; then
        [[ -n ${rebuilt_modules[${1#none:}]-} ]]
    else
        grep --quiet --line-regexp --fixed-strings -- "$1" <(known_bugs)
    fi
}

# bug_patch NAME SERIES: the text of a bug may differ between kernels.
bug_patch() {
    local patch
    for patch in "$tree/tests/lab/bugs/$1.$2.patch" "$tree/tests/lab/bugs/$1.patch"; do
        if [[ -e $patch ]]; then
            echo "$patch"
            return
        fi
    done
    fail "the bug $1 has no patch for Linux $2: tests/lab/bugs/$1.$2.patch"
}

# The one that is made of the file which the patch changes.
bug_module() {
    local file module
    if [[ $1 == none:* ]]; then
        echo "${1#none:}"
        return
    fi
    file=$(sed -n 's#^+++ b/##p' "$(bug_patch "$1" "$2")")
    case $file in
    virt/kvm/*) echo kvm ;;
    *)
        for module in "${!rebuilt_modules[@]}"; do
            [[ ${file%/*} != "${rebuilt_modules[$module]}" ]] || echo "$module"
        done
        ;;
    esac
}

# modules_with_bugs SERIES: a line "MODULE PATCH..." for each module that has to be rebuilt.
modules_with_bugs() {
    local series=$1 bug module
    local -A patches=()
    for bug in "${bugs[@]}"; do
        module=$(bug_module "$bug" "$series")
        patches[$module]+=' '
        [[ $bug == none:* ]] || patches[$module]+=$(bug_patch "$bug" "$series")
    done
    for module in "${!patches[@]}"; do
        # In one order, whatever the order of options.
        echo "$module $(xargs --no-run-if-empty printf '%s\n' <<<"${patches[$module]}" | sort | xargs)"
    done
}

rebuilt_path() {
    local version=$1 module=$2
    shift 2
    echo "$cache/$version/rebuilt-$module-$(hash_of <(echo "$rebuild_recipe") "$@")/$module.ko"
}

# rebuilt_paths SERIES VERSION: a line "MODULE FILE" for each.
rebuilt_paths() {
    local module line
    local -a patches
    while read -r module line; do
        read -r -a patches <<<"$line"
        echo "$module $(rebuilt_path "$2" "$module" "${patches[@]}")"
    done < <(modules_with_bugs "$1")
}

are_rebuilt() {
    local file
    while read -r _ file; do
        [[ -e $file ]] || return 1
    done < <(rebuilt_paths "$1" "$2")
}

# ---- source ---------------------------------------------------------------------------------------------------------

# The package that a cached kernel was built from, e.g. 6.1.192-2: its banner ends in "Debian 6.1.192-2 (DATE)".
debian_version() {
    grep --text --max-count=1 --only-matching "Linux version $1 [ -~]*" "$cache/$1/vmlinux" |
        sed -nE 's/.* Debian ([^ ]+) .*/\1/p'
}

# download_source SERIES VERSION DIRECTORY: fails without a word when the archive no longer has it.
download_source() {
    local package
    package=linux-source-$1=$(debian_version "$2")
    say "fetching ${package%=*}"
    (cd "$3" && run_apt download "$package") 2>/dev/null && return
    update_package_lists
    (cd "$3" && run_apt download "$package") 2>/dev/null
}

unpack_source() {
    local series=$1 work=$2 directory module
    local -a members=()
    for directory in "${source_directories[@]}"; do
        members+=("linux-source-$series/$directory")
    done
    mkdir --parents "$work/source/include/trace"
    dpkg-deb --fsys-tarfile "$work"/linux-source-*.deb | tar --extract --to-stdout "./usr/src/linux-source-$series.tar.xz" |
        xz --decompress --stdout --threads=0 | tar --extract --directory="$work/source" --strip-components=1 "${members[@]}"

    # Each Makefile makes one module, and finds the others' headers here instead of in the tree of the kernel; trace.h
    # includes itself by a path that begins in include/trace.
    for module in "${!rebuilt_modules[@]}"; do
        # shellcheck disable=SC2016  # make's
        sed --in-place -e 's#\$(srctree)#$(rebuilt_source)#' -e "/^obj-/{/[[:space:]]$module\\.o/!d}" \
            "$work/source/${rebuilt_modules[$module]}/Makefile"
    done
    # shellcheck disable=SC2016  # make's
    echo 'ccflags-y += -I $(rebuilt_source)/include/trace' >>"$work/source/arch/x86/kvm/Makefile"
}

# For the newest cached kernel of SERIES.  Image and source leave the archive together: where only a newer source is
# left, it is the turn of its kernel.
fetch_source() {
    local series=$1 version work
    version=$(cached_kernel "$series")
    [[ ! -d $cache/$version/source-$rebuild_recipe ]] || return 0
    work=$(mktemp --directory "$cache/new.XXXXXX")
    if ! download_source "$series" "$version" "$work"; then
        say "the archive has no source of Linux $version any more"
        fetch_newest_kernel "$series" 1
        version=$(cached_kernel "$series")
        download_source "$series" "$version" "$work" || fail "could not download the source of Linux $version" \
            "Is there a network? Then try: scripts/lab --prepare --refresh"
    fi
    unpack_source "$series" "$work"
    rm -rf "$cache/$version"/{source,build}-*
    mv "$work/source" "$cache/$version/source-$rebuild_recipe"
    rm -r "$work"
}

# ---- modules --------------------------------------------------------------------------------------------------------

# Files that a patch changed last time are taken back; their objects are made again.
restore_build() {
    local original copy
    if [[ ! -d $2 ]]; then
        rm -rf "$2.new"
        cp --recursive "$1" "$2.new"
        mv "$2.new" "$2"
    fi
    while read -r original copy; do
        cp "$original" "$copy"
    done < <({ diff --recursive --brief "$1" "$2" || true; } | sed -nE 's/^Files ([^ ]+) and ([^ ]+) differ$/\1 \2/p')
}

# rebuild_module VERSION MODULE TARGET PATCH...
rebuild_module() {
    local version=$1 module=$2 target=$3 patch log
    local build=$cache/$1/build-$rebuild_recipe
    shift 3
    say "building $module for $version${*:+ with ${*##*/}}"
    restore_build "$cache/$version/source-$rebuild_recipe" "$build"
    for patch in "$@"; do
        patch --directory="$build" --strip=1 --forward --no-backup-if-mismatch --reject-file=- --quiet <"$patch" >&2 ||
            fail "$patch does not fit Linux $version"
    done
    log=$(mktemp "$cache/new.XXXXXX")
    # Where a line is missing, a variable may be of no use: a warning.
    make --directory="$cache/$version/headers/usr/src/linux-headers-$version" --jobs="$(nproc)" \
        M="$build/${rebuilt_modules[$module]}" rebuilt_source="$build" \
        CONFIG_KVM_WERROR= CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$log" 2>&1 || {
        cat "$log" >&2
        fail "$module does not build for Linux $version"
    }
    rm "$log"
    mkdir --parents "$(dirname "$target")"
    cp "$build/${rebuilt_modules[$module]}/$module.ko" "$target.new"
    # As scripts/Makefile.modfinal does it, on top of the kernel's own types.
    LLVM_OBJCOPY=objcopy pahole -J --btf_gen_floats --lang_exclude=rust --btf_base "$cache/$version/vmlinux" "$target.new"
    strip --strip-debug "$target.new"
    mv "$target.new" "$target"
}

rebuild_modules() {
    local series=$1 version=$2 module line target
    local -a patches
    while read -r module line; do
        read -r -a patches <<<"$line"
        target=$(rebuilt_path "$version" "$module" "${patches[@]}")
        [[ -e $target ]] || rebuild_module "$version" "$module" "$target" "${patches[@]}"
    done < <(modules_with_bugs "$series")
}
