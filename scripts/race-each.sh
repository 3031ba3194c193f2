#!/bin/sh
# Run each test of a package on its own under the race detector, as many at once as there are cores:
# race-each.sh PACKAGE [FLAGS OF THE TESTS]
#
# For packages with many testing/synctest bubbles, in which the detector itself crashes now and then
# (race-crashed.sh): a crash costs one test. Such a test is repeated, at most three times; one with a
# race, or that fails, is not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" = --one ]; then # BINARY NAME FLAGS
    bin=$2 name=$3 && shift 3
    log=$(mktemp) && trap 'rm -f "$log"' EXIT
    for left in 3 2 1 0; do
        "$bin" -test.run "^$name\$" "$@" >"$log" 2>&1 && exit 0
        [ "$left" -gt 0 ] && "$here/race-crashed.sh" "$log" || break
        echo "$name: the race detector itself crashed; once more"
    done
    cat "$log"
    echo "FAIL $name"
    exit 1
fi
package=$1 && shift
bin=$(mktemp) && trap 'rm -f "$bin"' EXIT
go test -race -c -o "$bin" "$package" && cd "$(go list -f '{{.Dir}}' "$package")" || exit 1
names=$("$bin" -test.list '^(Test|Fuzz|Example)') || exit 1
echo "$names" | xargs -P "$(nproc)" -I NAME "$here/race-each.sh" --one "$bin" NAME "$@" || exit 1
echo "ok $package, each test on its own"
