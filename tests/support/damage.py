"""Damage to the files of a daemon that does not run."""

import os
import sqlite3
import struct


def fold_log(data):
    """Moves all that is in SQLite's write-ahead log to journal.db: the log has checksums of its own."""
    with sqlite3.connect(os.path.join(data, "journal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def places(path, word):
    """Where a word stands in a file."""
    with open(path, "rb") as file:
        content = file.read()
    found, place = [], content.find(word)
    while place >= 0:
        found.append(place)
        place = content.find(word, place + 1)
    return found


def flip(path, place, bit):
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


def cut_power(data, random):
    """What a power cut may leave of a daemon that was killed: of the writes since the last sync of each file none, some
    or all. They are noted by power_cut_daemon."""
    for name in os.listdir(data):
        if not name.endswith(".unsynced"):
            continue
        notes = os.path.join(data, name)
        with open(notes, "rb") as file:
            content = file.read()
        os.remove(notes)
        writes, place = [], 0
        while place + 16 <= len(content):
            offset, old, new = struct.unpack_from("=QII", content, place)
            place += 16
            if place + old + new > len(content):
                break  # killed before it was written
            writes.append((offset, content[place:place + old], content[place + old:place + old + new]))
            place += old + new
        path = notes.removesuffix(".unsynced")
        if not writes or not os.path.exists(path):
            continue
        with open(path, "r+b") as file:
            for offset, old, new in reversed(writes):
                file.seek(offset)
                file.write(old)
                if len(old) < len(new):
                    file.truncate(offset + len(old))
            kept = random.choice((0.0, 0.5, 0.9))
            for offset, _, new in writes:
                if random.random() < kept:
                    file.seek(offset)
                    file.write(new)


def cut(path, size):
    os.truncate(path, size)
