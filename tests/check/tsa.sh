#!/usr/bin/env bash
# core compiles with clang and its thread-safety analysis: every guarded member is used under its mutex.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need clang++-14
build_preset clang-tsa covey_core
printf 'core holds its locks\n'
