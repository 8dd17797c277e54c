# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs packages of Debian, only those that are missing.  Sourced; needs say.sh.

# missing_packages PACKAGE...: those that are not installed, one per line.
missing_packages() {
    local installed package
    installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        [[ $'\n'$installed$'\n' == *$'\n'"$package installed"$'\n'* ]] || echo "$package"
    done
}

# Output of apt is shown only when it failed.
run_apt() {
    local log
    if ! log=$(DEBIAN_FRONTEND=noninteractive apt-get --quiet -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root "$@" 2>&1 </dev/null); then
        printf '%s\n' "$log" >&2
        return 1
    fi
}

update_package_lists() {
    ((EUID == 0)) || fail "the package lists of this machine are missing or too old" "Run as root: apt-get update"
    say "updating the package lists"
    # One archive of several may be out of order and not matter.
    run_apt -o APT::Update::Error-Mode=any update || say "apt-get update failed, at least for some archives: see above"
}

# install_packages PACKAGE...
install_packages() {
    [[ $(uname -m) == x86_64 ]] || fail "this machine is $(uname -m): vmleak reads kernels for x86_64 only"
    if ! command -v dpkg-query apt-get >/dev/null; then
        say "not a Debian system: nothing is installed; scripts/lib/packages.sh names what is needed"
        return 0
    fi
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || fail "packages are missing, and only root can install them: ${missing[*]}" \
        "Run as root: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    run_apt install --yes --no-install-recommends "${missing[@]}" 2>/dev/null && return
    # Lists that are a few days old name versions that the archive no longer has.
    update_package_lists
    run_apt install --yes --no-install-recommends "${missing[@]}" || fail "apt-get could not install ${missing[*]}" \
        "Its own words are above. Packages come from Debian's archive, once: is there a network?" \
        "See /etc/apt/sources.list and /etc/apt/sources.list.d; the names are those of Debian 12."
}
