#include "server/journal/page_walk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/base/unique_fd.h"
#include "server/journal/data_directory.h"
#include "server/journal/page_sums.h"

namespace covey {
namespace {

constexpr size_t kFileHeader = 100;
constexpr size_t kUsualPage = 4096;
constexpr size_t kMaxColumns = 16;
// Kinds of pages that hold rows.
constexpr uint8_t kInteriorIndex = 2;
constexpr uint8_t kLeafIndex = 10;
constexpr uint8_t kLeafTable = 13;

// Takes numbers from the front of some bytes. Past their end: zeros, and ok() no more.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

  std::string_view Take(size_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Unsigned(size_t size) {
    uint64_t value = 0;
    for (const char c : Take(size)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  int64_t Signed(size_t size) {
    const uint64_t value = Unsigned(size);
    if (size == 0) return 0;
    const auto unused = static_cast<unsigned>(64 - 8 * size);
    return static_cast<int64_t>(value << unused) >> unused;
  }
  // SQLite's own: seven bits a byte, eight in the ninth.
  uint64_t Varint() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
      const uint64_t byte = Unsigned(1);
      value = value << 7 | (byte & 0x7f);
      if ((byte & 0x80) == 0) return value;
    }
    return value << 8 | Unsigned(1);
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<StoredRow::Value> ValueOf(uint64_t type, Reader& body) {
  constexpr size_t kSizes[] = {0, 1, 2, 3, 4, 6, 8};
  if (type == 0) return StoredRow::Value{};
  if (type <= 6) return StoredRow::Value{StoredRow::Type::kInteger, body.Signed(kSizes[type]), {}};
  if (type == 8 || type == 9)
    return StoredRow::Value{StoredRow::Type::kInteger, static_cast<int64_t>(type - 8), {}};
  if (type < 12) return std::nullopt;  // a journal holds no fractions
  return StoredRow::Value{StoredRow::Type::kBytes, 0, std::string(body.Take((type - 12) / 2))};
}

bool ParseRow(std::string_view payload, StoredRow* row) {
  Reader head(payload);
  const uint64_t head_size = head.Varint();
  if (!head.ok() || head_size > payload.size()) return false;
  Reader body(payload.substr(head_size));
  while (payload.size() - head.rest().size() < head_size) {
    const std::optional<StoredRow::Value> value = ValueOf(head.Varint(), body);
    if (!value || !head.ok() || !body.ok() || row->values.size() == kMaxColumns) return false;
    row->values.push_back(*value);
  }
  return true;
}

class Walk {
 public:
  Walk(std::string_view file, const std::function<void(const StoredRow&)>& visit)
      : file_(file), visit_(visit), page_size_(PageSize(file)), usable_(page_size_ - Reserved()) {}

  void Run() {
    for (size_t at = 0; at + page_size_ <= file_.size(); at += page_size_)
      VisitPage(file_.substr(at, page_size_), at == 0 ? kFileHeader : 0);
  }

 private:
  // As the file says, if it is so large; otherwise as a journal is made.
  static size_t PageSize(std::string_view file) {
    Reader reader(file);
    (void)reader.Take(16);
    const uint64_t told = reader.Unsigned(2);
    const uint64_t size = told == 1 ? 65536 : told;
    (void)reader.Take(10);
    const uint64_t pages = reader.Unsigned(4);
    return size >= 512 && (size & (size - 1)) == 0 && pages * size == file.size() ? size : kUsualPage;
  }

  // Bytes at the end of each page that hold no rows: those of checksums, if some page has one.
  size_t Reserved() const {
    for (size_t at = 0; at + page_size_ <= file_.size(); at += page_size_) {
      const std::string_view page = file_.substr(at, page_size_);
      const bool empty = page.find_first_not_of('\0') == std::string_view::npos;
      if (!empty && page_sums::Matches(page, static_cast<uint32_t>(at / page_size_) + 1))
        return page_sums::kReserve;
    }
    return 0;
  }

  void VisitPage(std::string_view page, size_t at) {
    Reader head(page.substr(at));
    const uint64_t kind = head.Unsigned(1);
    if (kind != kLeafTable && kind != kLeafIndex && kind != kInteriorIndex) return;
    (void)head.Take(2);
    const uint64_t cells = head.Unsigned(2);
    (void)head.Take(kind == kInteriorIndex ? 7 : 3);
    for (uint64_t i = 0; i < cells && head.ok(); ++i) {
      const uint64_t cell = head.Unsigned(2);
      if (head.ok() && cell < page.size()) VisitCell(page.substr(cell), kind);
    }
  }

  void VisitCell(std::string_view cell, uint64_t kind) {
    Reader reader(cell);
    if (kind == kInteriorIndex) (void)reader.Take(4);
    const uint64_t size = reader.Varint();
    StoredRow row;
    row.keyed = kind == kLeafTable;
    if (row.keyed) row.row_id = static_cast<int64_t>(reader.Varint());
    if (!reader.ok() || size > file_.size()) return;
    const std::optional<std::string> payload = Payload(reader, size, row.keyed);
    if (payload && ParseRow(*payload, &row)) visit_(row);
  }

  // What is in the cell, and what is in the chain of pages behind it.
  std::optional<std::string> Payload(Reader& reader, uint64_t size, bool keyed) const {
    const uint64_t most = keyed ? usable_ - 35 : (usable_ - 12) * 64 / 255 - 23;
    uint64_t here = size;
    if (size > most) {
      const uint64_t least = (usable_ - 12) * 32 / 255 - 23;
      here = least + (size - least) % (usable_ - 4);
      if (here > most) here = least;
    }
    std::string payload(reader.Take(here));
    uint64_t next = here < size ? reader.Unsigned(4) : 0;
    if (!reader.ok()) return std::nullopt;
    while (payload.size() < size) {
      if (next == 0 || next > file_.size() / page_size_) return std::nullopt;
      Reader page(file_.substr((next - 1) * page_size_, page_size_));
      next = page.Unsigned(4);
      payload += page.Take(std::min<uint64_t>(size - payload.size(), usable_ - 4));
    }
    return payload;
  }

  const std::string_view file_;
  const std::function<void(const StoredRow&)>& visit_;
  const size_t page_size_;
  const size_t usable_;
};

}  // namespace

bool StoredRow::Is(std::string_view types) const {
  constexpr char kLetters[] = {'n', 'i', 'b'};
  return std::equal(types.begin(), types.end(), values.begin(), values.end(),
                    [&](char type, const Value& value) {
                      return type == '?' || type == kLetters[static_cast<size_t>(value.type)];
                    });
}

Result<Void> WalkPages(const std::string& path, const std::function<void(const StoredRow&)>& visit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return DataDirectoryError(path, "read the file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return Void{};
  void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (bytes == MAP_FAILED) return DataDirectoryError(path, "read the file");
  Walk({static_cast<const char*>(bytes), size}, visit).Run();
  ::munmap(bytes, size);
  return Void{};
}

}  // namespace covey
