#!/usr/bin/env bash
# memory.sh: the daemon with its defaults stays within 256 MB (tests/crash/test_memory.py) beside 2,000 streams and 99,000 groups
# that are over, which take minutes to be made.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
python=python3
"$python" -c 'import grpc' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
build_preset dev
export COVEY_MEMORY_COUNT=240 COVEY_MEMORY_STREAMS=2000 COVEY_MEMORY_GROUPS=99000
exec "$python" tests/support/run_unittest.py tests/crash/test_memory.py
