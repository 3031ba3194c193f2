#!/bin/sh
# Run tests under the race detector: race.sh ARGUMENTS OF go test -race
# The detector of Go 1.26 now and then crashes by itself when a timer of a testing/synctest
# bubble fires (SIGSEGV on the scheduler's stack; seen once so far). Such a run is
# repeated once, which runs again only what did not pass; a race or a failed test is not.
set -u
log=$(mktemp) && trap 'rm -f "$log"' EXIT
run() {
    { go test -race "$@" 2>&1; echo $? >"$log.rc"; } | tee "$log"
    rc=$(cat "$log.rc") && rm -f "$log.rc"
    return "$rc"
}
run "$@" && exit 0
if grep -q '^SIGSEGV: segmentation violation' "$log" && grep -q 'goroutine 0 .*synctest bubble' "$log" &&
    ! grep -qE 'DATA RACE|^ *--- FAIL' "$log"; then
    echo "race.sh: the race detector itself crashed; once more"
    run "$@"
    exit
fi
exit 1
