# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# How scripts talk.  Sourced; before, they may set fail_status, the exit status of fail.

program=${program:-scripts/$(basename "$0")}

say() {
    printf '%s: %s\n' "$program" "$*" >&2
}

# fail WHAT [HINT]...: what went wrong and why, then what to do, one line each.
fail() {
    say "error: $1"
    shift
    local hint
    for hint in "$@"; do
        printf '    %s\n' "$hint" >&2
    done
    exit "${fail_status:-1}"
}
