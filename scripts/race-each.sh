#!/bin/sh
# Run each test of a package on its own under the race detector, as many at once as there are cores:
# race-each.sh PACKAGE [FLAGS OF THE TESTS]
#
# For packages with many testing/synctest bubbles, in which the detector crashes by itself now and
# then (see race.sh): a crash costs one test. Such a test is repeated, at most three times; a race
# or a failed test is not.
set -u
if [ "$1" = --one ]; then # BINARY NAME FLAGS
    bin=$2 name=$3 && shift 3
    log=$(mktemp) && trap 'rm -f "$log"' EXIT
    for left in 3 2 1 0; do
        "$bin" -test.run "^$name\$" "$@" >"$log" 2>&1 && exit 0
        if [ "$left" = 0 ] || grep -qE 'DATA RACE|^ *--- FAIL' "$log"; then break; fi
        grep -q '^ThreadSanitizer: CHECK failed: tsan_rtl' "$log" ||
            { grep -q '^SIGSEGV: segmentation violation' "$log" && grep -q 'goroutine 0 .*synctest bubble' "$log"; } || break
        echo "$name: the race detector itself crashed; once more"
    done
    cat "$log"
    echo "FAIL $name"
    exit 1
fi
self=$(cd "$(dirname "$0")" && pwd)/race-each.sh
package=$1 && shift
bin=$(mktemp) && trap 'rm -f "$bin"' EXIT
go test -race -c -o "$bin" "$package" && cd "$(go list -f '{{.Dir}}' "$package")" || exit 1
"$bin" -test.list "${RACE_EACH:-.}" | grep -E '^(Test|Fuzz|Example)' | xargs -P "$(nproc)" -I NAME "$self" --one "$bin" NAME "$@" || exit 1
echo "ok $package, each test on its own"
