#!/usr/bin/env bash
# core under ThreadSanitizer. (Debian's gRPC is not instrumented and gives false reports: the daemon is left out.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_preset tsan
# By default each program waits for a second at its end, for races of threads that nobody joins.
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=20
exec tests/support/run_ctest.sh build/tsan --label-exclude '^single_threaded$'
