#!/usr/bin/python3
"""run_unittest.py FILE [NAME…]: runs one file of unittest cases. Exit 0 passed, 77 all skipped, 1 failed or empty.

Also by hand: COVEY_BIN_DIR=build/dev/bin tests/support/run_unittest.py tests/e2e/test_cli.py CliTest.test_exit_code
"""

import importlib.util
import os
import sys
import unittest

sys.dont_write_bytecode = True  # nothing is left in the tree
SUPPORT = os.path.dirname(os.path.abspath(__file__))


def main():
    path = os.path.abspath(sys.argv[1])
    sys.path[:0] = [SUPPORT, os.path.dirname(path)]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(sys.argv[2:], module) if sys.argv[2:] else loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    # A whole class that is skipped counts as no test run.
    if not result.wasSuccessful():
        return 1
    if result.skipped and len(result.skipped) >= result.testsRun:
        return 77
    return 0 if result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
