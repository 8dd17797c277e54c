# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0

# shellcheck disable=SC2120  # the arguments are optional
# tree_files [FIND-EXPRESSION]...: this tree's own files, not what was built; the working directory is the tree.
tree_files() {
    find . \( -path ./build -o -path ./.git \) -prune -o -type f "$@" -print | sed 's#^\./##' | sort
}

# verdict WHAT PROBLEM...: ends a rule; each problem on a line of its own.
verdict() {
    local what=$1
    shift
    if (($#)); then
        printf '%s\n' "$@"
        printf '%s: %d problems\n' "$what" "$#"
        exit 1
    fi
    printf '%s: fine\n' "$what"
}
