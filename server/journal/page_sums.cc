#include "server/journal/page_sums.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <tuple>
#include <vector>

#include "core/base/mutex.h"
#include "server/journal/checksum.h"

namespace covey::page_sums {
namespace {

constexpr char kLeafOfTable = 13;
constexpr size_t kPageHead = 8;
constexpr size_t kMostKnown = 10'000;                 // damaged pages that are remembered
constexpr uint64_t kMostPayload = uint64_t{1} << 30;  // SQLite's own bound

// A row on a leaf: https://www.sqlite.org/fileformat2.html, "B-tree Cell Format".
struct Cell {
  size_t at = 0;
  size_t size = 0;     // with
  size_t payload = 0;  // what lies from here
  size_t length = 0;   // so long
  int64_t key = 0;
};

size_t Short(std::string_view bytes, size_t at) {
  return static_cast<size_t>(static_cast<uint8_t>(bytes[at])) << 8 | static_cast<uint8_t>(bytes[at + 1]);
}
void PutShort(std::string* bytes, size_t at, size_t value) {
  (*bytes)[at] = static_cast<char>(value >> 8);
  (*bytes)[at + 1] = static_cast<char>(value);
}

// What of a row's payload is in its cell, with the number of the page on which it goes on.
size_t LocalSize(uint64_t payload, size_t usable) {
  if (payload <= usable - 35) return payload;
  const uint64_t least = (usable - 12) * 32 / 255 - 23;
  const uint64_t here = least + (payload - least) % (usable - 4);
  return (here <= usable - 35 ? here : least) + 4;
}

// False: it does not end within the bytes.
bool TakeVarint(std::string_view bytes, size_t* at, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < 9; ++i) {
    if (*at >= bytes.size()) return false;
    const auto byte = static_cast<uint8_t>(bytes[(*at)++]);
    if (i == 8) {
      *value = *value << 8 | byte;
      return true;
    }
    *value = *value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return true;
  }
  return true;
}

// False: there is no such cell.
bool ParseCell(std::string_view usable, Cell* cell) {
  size_t at = cell->at;
  uint64_t payload = 0;
  uint64_t key = 0;
  if (!TakeVarint(usable, &at, &payload) || !TakeVarint(usable, &at, &key)) return false;
  if (payload > kMostPayload) return false;
  cell->key = static_cast<int64_t>(key);
  const size_t local = LocalSize(payload, usable.size());
  cell->size = std::max<size_t>(at - cell->at + local, 4);
  cell->payload = at;
  cell->length = payload <= usable.size() - 35 ? payload : local - 4;
  return cell->at + cell->size <= usable.size();
}

// The cells that lie in the page, behind its pointers, in the order of the pointers.
std::vector<Cell> CellsOf(std::string_view usable) {
  std::vector<Cell> cells;
  const size_t most = (usable.size() - kPageHead) / 2;
  const size_t count = std::min(Short(usable, 3), most);
  for (size_t i = 0; i < count; ++i) {
    Cell cell{.at = Short(usable, kPageHead + 2 * i)};
    if (cell.at >= kPageHead + 2 * count && cell.at < usable.size() && ParseCell(usable, &cell))
      cells.push_back(cell);
  }
  return cells;
}

// Leaves out cells that reach into the next one.
void DropOverlaps(std::vector<Cell>* cells) {
  std::vector<size_t> starts;
  for (const Cell& cell : *cells) starts.push_back(cell.at);
  std::sort(starts.begin(), starts.end());
  std::erase_if(*cells, [&](const Cell& cell) {
    const auto next = std::upper_bound(starts.begin(), starts.end(), cell.at);
    const bool again = next - std::lower_bound(starts.begin(), starts.end(), cell.at) > 1;
    return again || (next != starts.end() && *next < cell.at + cell.size);
  });
}

void Flip(std::string* bytes, size_t bit) {
  char& byte = (*bytes)[bit / 8];
  byte = static_cast<char>(byte ^ (1 << bit % 8));
}

// As many as can stay with their keys ascending.
std::vector<Cell> Ascending(const std::vector<Cell>& cells) {
  std::vector<size_t> length(cells.size(), 1);
  std::vector<size_t> before(cells.size(), cells.size());
  size_t last = cells.size();
  for (size_t i = 0; i < cells.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (cells[j].key < cells[i].key && length[j] + 1 > length[i]) {
        length[i] = length[j] + 1;
        before[i] = j;
      }
    }
    if (last == cells.size() || length[i] > length[last]) last = i;
  }
  std::vector<Cell> kept;
  for (size_t i = last; i < cells.size(); i = before[i]) kept.push_back(cells[i]);
  std::reverse(kept.begin(), kept.end());
  return kept;
}

// The bit that makes the page what it was.
std::optional<size_t> FlippedBitOf(std::string_view page, uint32_t number) {
  uint64_t stored = 0;
  std::memcpy(&stored, page.data() + page.size() - kReserve, kReserve);
  const uint64_t sum = SumOf(page, number);
  const size_t bits = (page.size() - kReserve) * 8;
  if (std::has_single_bit(stored ^ sum)) return bits + static_cast<size_t>(std::countr_zero(stored ^ sum));
  // A page is read again by each connection, whenever others have taken its place in the cache.
  using Key = std::tuple<uint32_t, uint64_t, uint64_t>;
  static Mutex mutex;
  static auto* const known = new std::map<Key, std::optional<size_t>>();
  const Key key{number, stored, sum};
  {
    const MutexLock lock(mutex);
    if (const auto found = known->find(key); found != known->end()) return found->second;
  }
  const std::optional<size_t> bit = FlippedBit(page.substr(0, page.size() - kReserve), number, stored);
  const MutexLock lock(mutex);
  if (known->size() >= kMostKnown) known->clear();
  known->emplace(key, bit);
  return bit;
}

}  // namespace

uint64_t SumOf(std::string_view page, uint32_t number) {
  return Xxh64(page.substr(0, page.size() - kReserve), number);
}

bool Matches(std::string_view page, uint32_t number) {
  uint64_t sum = 0;
  std::memcpy(&sum, page.data() + page.size() - kReserve, kReserve);
  if (sum == SumOf(page, number)) return true;
  return sum == 0 && page.find_first_not_of('\0') == std::string_view::npos;
}

void Seal(std::string* page, uint32_t number) {
  const uint64_t sum = SumOf(*page, number);
  std::memcpy(page->data() + page->size() - kReserve, &sum, kReserve);
}

std::optional<Mended> Mend(std::string* page, uint32_t number) {
  const std::string_view usable(page->data(), page->size() - kReserve);
  if (const auto bit = FlippedBitOf(*page, number)) {
    Flip(page, *bit);
    if (number == 1 || page->front() != kLeafOfTable) return Mended{.is_whole = true};
    const std::vector<Cell> whole = CellsOf(usable);
    const bool of_row = std::any_of(whole.begin(), whole.end(), [at = *bit / 8](const Cell& cell) {
      return at >= cell.payload && at < cell.payload + cell.length;
    });
    if (of_row) Flip(page, *bit);
    return Mended{.is_whole = !of_row};
  }
  if (number == 1 || page->front() != kLeafOfTable) return std::nullopt;
  std::vector<Cell> cells = CellsOf(usable);
  DropOverlaps(&cells);
  cells = Ascending(cells);
  if (cells.empty()) return std::nullopt;
  const Mended result{
      .drops = cells.size() != Short(usable, 3), .first = cells.front().key, .last = cells.back().key};
  // Written anew, so that also what is free is where it is said to be.
  std::string mended(page->size(), '\0');
  mended[0] = kLeafOfTable;
  PutShort(&mended, 3, cells.size());
  size_t end = usable.size();
  for (size_t i = 0; i < cells.size(); ++i) {
    end -= cells[i].size;
    std::memcpy(mended.data() + end, page->data() + cells[i].at, cells[i].size);
    PutShort(&mended, kPageHead + 2 * i, end);
  }
  PutShort(&mended, 5, end);
  *page = std::move(mended);
  return result;
}

}  // namespace covey::page_sums
