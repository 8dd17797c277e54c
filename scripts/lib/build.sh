# shellcheck shell=bash
# shellcheck disable=SC2154  # tree: set by the scripts
# SPDX-License-Identifier: Apache-2.0
#
# Builds a preset.  Sourced; needs say.sh.

is_configured() {
    [[ -e $tree/build/$1/build.ninja && ! $tree/CMakePresets.json -nt $tree/build/$1/CMakeCache.txt ]]
}

# build_preset PRESET [TARGET]...
#
# The output is ninja's on a terminal; elsewhere it's kept for the case that something goes wrong.
build_preset() {
    local preset=$1 log=$tree/build/$1.log
    shift
    mkdir --parents "$tree/build"
    # Two that build the same at the same time: the second waits and finds it done.
    {
        flock --nonblock 9 || {
            say "waiting for another build of build/$preset"
            flock 9
        }
        if ! is_configured "$preset"; then
            say "configuring build/$preset"
            (cd "$tree" && cmake --preset "$preset") >"$log" 2>&1 </dev/null || {
                cat "$log" >&2
                fail "cmake could not configure build/$preset" \
                    "Its own words are above. If a tool or library is missing: scripts/lib/packages.sh names all of them."
            }
            # Also when nothing changed in it, so that this is not done again.
            touch "$tree/build/$preset/CMakeCache.txt"
        fi
        if ninja -C "$tree/build/$preset" -n "$@" | grep --quiet 'no work to do'; then
            return 0
        fi
        say "building build/$preset (a few minutes the first time)"
        if [[ -t 2 ]]; then
            ninja -C "$tree/build/$preset" -j "$(nproc)" "$@" >&2 </dev/null 9>&- ||
                fail "the build of build/$preset failed" "The compiler's words are above."
        else
            ninja -C "$tree/build/$preset" -j "$(nproc)" "$@" >"$log" 2>&1 </dev/null 9>&- || {
                # The first of ninja's own failures and all that the compiler said.
                sed -n '/^FAILED: /,$p' "$log" | grep --invert-match '^\[' >&2
                fail "the build of build/$preset failed" "The compiler's words are above, and all of them in $log."
            }
        fi
    } 9>"$tree/build/$preset.lock"
}
