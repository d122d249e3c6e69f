#!/usr/bin/env bash
# core under ThreadSanitizer. (Debian's gRPC is not instrumented and gives false reports: the daemon is left out.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_preset tsan
suppressions=$ROOT/tests/support/tsan.supp
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
[[ -f $suppressions ]] && TSAN_OPTIONS+=:suppressions=$suppressions
exec tests/support/run_ctest.sh build/tsan --label-exclude '^slow$'
