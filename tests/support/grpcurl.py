"""The pinned real grpcurl, as an administrator would use it."""

import glob
import json
import os
import re
import subprocess

from daemon import LIMIT, ROOT, run


def find():
    """(path, None), or (None, why there is none)."""
    path = os.environ.get("COVEY_GRPCURL", "")
    built = sorted(glob.glob(os.path.join(ROOT, "build", "tools", "grpcurl-*")))
    if not os.path.exists(path) and built:
        path = built[-1]
    if os.path.exists(path):
        return path, None
    try:
        with open(os.path.join(ROOT, "build", "tools", "grpcurl.reason")) as file:
            return None, file.read().strip()
    except OSError:
        return None, "grpcurl is not there; ./dev test builds it"


GRPCURL, WHY_NOT = find()


class Grpcurl:
    """Calls to one daemon."""

    def __init__(self, daemon):
        self.daemon = daemon

    def argv(self, *arguments, flags=()):
        return [GRPCURL, "-plaintext", "-unix", "-authority", "localhost", "-format-error", *flags,
                self.daemon.socket, *arguments]

    def run(self, *arguments, flags=(), stdin=None, limit=LIMIT):
        """`grpcurl [flags] SOCKET arguments…`."""
        return run(self.argv(*arguments, flags=flags), stdin, None, limit)

    def call(self, method, *messages, flags=()):
        """The messages that a call answered with; it must end well."""
        result = self.call_raw(method, *messages, flags=flags)
        if result.code != 0:
            raise AssertionError(f"{method}: {result}")
        return values(result.out)

    def call_raw(self, method, *messages, flags=()):
        stdin = "".join(json.dumps(message) for message in messages)
        return self.run(method, flags=("-d", "@", *flags), stdin=stdin)

    def error(self, method, *messages, flags=()):
        """The google.rpc.Status that a call ended with; it must fail."""
        result = self.call_raw(method, *messages, flags=flags)
        if result.code == 0:
            raise AssertionError(f"{method} should fail: {result}")
        found = values((result.err or result.out)[(result.err or result.out).index("{"):])
        return found[-1]

    def start(self, method, flags=()):
        """A call that is fed by hand: a process with stdin and stdout."""
        return subprocess.Popen(self.argv(method, flags=("-d", "@", *flags)), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def values(text):
    """The JSON values that stand one after the other in text."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while (rest := text[place:].lstrip()):
        place = len(text) - len(rest)
        value, length = decoder.raw_decode(rest)
        found.append(camel(value))
        place += length
    return found


def camel(value):
    """The value with field names as Protobuf's JSON has them: grpcurl takes those of the .proto files when it knows a
    message by reflection."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), key) if re.fullmatch(r"[a-z][a-z0-9_]*", key) else key:
            camel(each) for key, each in value.items()}
