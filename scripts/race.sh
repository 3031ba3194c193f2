#!/bin/sh
# Run tests under the race detector: race.sh ARGUMENTS OF go test -race
# The detector of Go 1.26 now and then crashes by itself when a timer of a testing/synctest
# bubble fires (golang/go#78156; seen as a failed check of its own and as SIGSEGV on the
# scheduler's stack). Such a run is repeated, at most twice, and runs again only what did not
# pass; a race or a failed test is not.
set -u
log=$(mktemp) && trap 'rm -f "$log"' EXIT
run() {
    { go test -race "$@" 2>&1; echo $? >"$log.rc"; } | tee "$log"
    rc=$(cat "$log.rc") && rm -f "$log.rc"
    return "$rc"
}
crashed() {
    grep -qE 'DATA RACE|^ *--- FAIL' "$log" && return 1
    grep -q '^ThreadSanitizer: CHECK failed: tsan_rtl' "$log" ||
        { grep -q '^SIGSEGV: segmentation violation' "$log" && grep -q 'goroutine 0 .*synctest bubble' "$log"; }
}
for left in 2 1 0; do
    run "$@" && exit 0
    [ "$left" -gt 0 ] && crashed || exit 1
    echo "race.sh: the race detector itself crashed; once more"
done
