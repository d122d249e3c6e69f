#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "server/journal/page_sums.h"

// A file layer of SQLite that puts a checksum at the end of each page that it writes, and gives no page that does not
// match its own (page_sums.h): the statement that needs it fails as damage. Of leaves of tables, whose rows prove
// themselves, it gives what can be believed.
//
// A page gets its sum when it goes to the write-ahead log, so that whoever moves the log into the database, be it
// another program, moves the sums too. The checksum of the log's frame covers the page as it was before; so it is
// computed anew, frame by frame (https://www.sqlite.org/fileformat2.html, "Checksum Algorithm").
//
// A file whose header reserves no bytes for sums is passed on as it is.
namespace covey::summed_vfs {

// Opcodes of sqlite3_file_control; the argument is an int.
inline constexpr int kBegin =
    0x636F7600;  // every page that is written from now on has the room, and gets its sum
inline constexpr int kIsSummed = 0x636F7601;  // out: whether the file's pages have sums
inline constexpr int kDamage = 0x636F7602;    // out: leaves of tables that this connection has met damaged

// The argument is a const Dropped*, which is set: the keys around which rows were left out, by the page of the leaf.
inline constexpr int kDropped = 0x636F7603;
using Dropped = std::map<uint32_t, page_sums::Mended>;

// The argument is a const Tell*: told once of each page that does not match.
inline constexpr int kTell = 0x636F7604;
using Tell = std::function<void(const std::string& line)>;

// The name of the layer above the one that is called `below` ("": the default one), which must be registered.
std::string Above(const std::string& below);

}  // namespace covey::summed_vfs
