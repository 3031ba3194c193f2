#!/bin/sh
# Report whether a run under the race detector ended because the detector itself crashed:
# race-crashed.sh LOG
#
# The detector of Go 1.26 now and then crashes when a timer of a testing/synctest bubble fires
# (golang/go#78156; seen as a failed check of its own and as SIGSEGV on the scheduler's stack).
# A race or a failed test is none of that.
set -u
grep -qE 'DATA RACE|^ *--- FAIL' "$1" && exit 1
grep -q '^ThreadSanitizer: CHECK failed: tsan_rtl' "$1" && exit 0
grep -q '^SIGSEGV: segmentation violation' "$1" && grep -q 'goroutine 0 .*synctest bubble' "$1"
