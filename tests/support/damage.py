"""Damage to the files of a daemon that does not run."""

import os
import sqlite3


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


def cut(path, size):
    os.truncate(path, size)
