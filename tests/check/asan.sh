#!/usr/bin/env bash
# Everything under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_preset asan-ubsan
export ASAN_OPTIONS=detect_stack_use_after_return=1:check_initialization_order=1:strict_init_order=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
exec tests/support/run_ctest.sh build/asan-ubsan
