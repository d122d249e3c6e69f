"""Calls with messages written by hand, byte by byte: what a client of another make, or a broken one, may send."""

try:
    import grpc
except ImportError:
    grpc = None

WHY_NOT = None if grpc else "python3-grpcio is not installed"

NOT_SERVING, SERVING = b"\x08\x02", b"\x08\x01"  # as grpc.health.v1.HealthCheckResponse


def varint(number):
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number, value):
    """A field of a message: bytes and texts by length, integers as varints."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """(number, value) of each field of an encoded message; values of other wire types than length and varint end it."""
    place = 0

    def number():
        nonlocal place
        shift = value = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = number()
        value = number()
        if key & 7 == 2:
            place += value
            yield key >> 3, message[place - value:place]
        elif key & 7 == 0:
            yield key >> 3, value
        else:
            return


def process_spec(name, *argv):
    """TaskSpec of a process; words may be any bytes."""
    return field(1, name) + field(3, b"".join(field(1, word) for word in argv))


class Wire:
    """A channel with the limits that gRPC has by default. Answers are bytes."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, [("grpc.default_authority", "localhost")])

    def close(self):
        self.channel.close()

    def unary(self, method, message, timeout=30):
        return self.channel.unary_unary("/covey.v1." + method)(message, timeout=timeout)

    def stream(self, method, messages, timeout=30):
        """All that a call with a stream of requests answers."""
        return list(self.channel.stream_stream("/covey.v1." + method)(iter(messages), timeout=timeout))

    def watch(self, method, message, most=None, timeout=30):
        """What a call with one request and a stream of answers answers: all of it, or the first ones."""
        call = self.channel.unary_stream("/covey.v1." + method)(message, timeout=timeout)
        found = []
        for answer in call:
            found.append(answer)
            if len(found) == most:
                call.cancel()
                break
        return found

    def collect(self, method, messages, timeout=30):
        """The one answer to a stream of requests."""
        return self.channel.stream_unary("/covey.v1." + method)(iter(messages), timeout=timeout)


def code_of(call):
    """OK, or the name of the code that a call ended with; and its words."""
    try:
        call()
        return "OK", ""
    except grpc.RpcError as error:
        return error.code().name, error.details()
