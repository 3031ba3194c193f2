#!/bin/sh
# Run tests under the race detector: race.sh ARGUMENTS OF go test -race
# A run in which the detector itself crashes (race-crashed.sh) is repeated, at most twice, and runs
# again only what did not pass; one with a race or a failed test is not.
set -u
log=$(mktemp) && trap 'rm -f "$log"' EXIT
here=$(dirname "$0")
run() {
    { go test -race "$@" 2>&1; echo $? >"$log.rc"; } | tee "$log"
    rc=$(cat "$log.rc") && rm -f "$log.rc"
    return "$rc"
}
for left in 2 1 0; do
    run "$@" && exit 0
    [ "$left" -gt 0 ] && "$here/race-crashed.sh" "$log" || exit 1
    echo "race.sh: the race detector itself crashed; once more"
done
