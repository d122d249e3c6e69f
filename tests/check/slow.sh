#!/usr/bin/env bash
# The tests that take long: ctest label `slow`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build_preset dev
exec tests/support/run_ctest.sh build/dev --label-regex '^slow$'
