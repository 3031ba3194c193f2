#!/bin/sh
# Run each test of a package on its own under the race detector: race-each.sh PACKAGE [FLAGS OF THE TESTS]
#
# For packages with many testing/synctest bubbles, in which the detector crashes by itself now and
# then (see race.sh): a crash costs one test. Such a test is repeated, at most three times; a race
# or a failed test is not.
set -u
package=$1 && shift
bin=$(mktemp) && log=$(mktemp) && trap 'rm -f "$bin" "$log"' EXIT
go test -race -c -o "$bin" "$package" && cd "$(go list -f '{{.Dir}}' "$package")" || exit 1
crashed() {
    grep -qE 'DATA RACE|^ *--- FAIL' "$log" && return 1
    grep -q '^ThreadSanitizer: CHECK failed: tsan_rtl' "$log" ||
        { grep -q '^SIGSEGV: segmentation violation' "$log" && grep -q 'goroutine 0 .*synctest bubble' "$log"; }
}
failed=0
for name in $("$bin" -test.list '^(Test|Fuzz|Example)'); do
    for left in 3 2 1 0; do
        "$bin" -test.run "^$name\$" "$@" >"$log" 2>&1 && break
        if [ "$left" -gt 0 ] && crashed; then
            echo "$name: the race detector itself crashed; once more"
            continue
        fi
        cat "$log"
        echo "FAIL $package $name"
        failed=1
        break
    done
done
[ "$failed" = 0 ] && echo "ok $package, each test on its own"
exit "$failed"
