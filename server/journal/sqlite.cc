#include "server/journal/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "server/journal/page_sums.h"
#include "server/journal/summed_vfs.h"

namespace covey::sqlite {
namespace {

constexpr int kBusyMilliseconds = 10'000;

// What failed last on this connection, told in the words of SQLite.
Error ErrorOf(sqlite3* db) {
  const int extended = sqlite3_extended_errcode(db);
  Error error{
      .code = ErrorCode::kInternal,
      .reason = "JOURNAL_FAILED",
      .message = std::string(sqlite3_errmsg(db)) + " (SQLite error " + std::to_string(extended) + ")"};
  switch (extended & 0xff) {
    case SQLITE_FULL:
      error.code = ErrorCode::kResourceExhausted;
      error.reason = "JOURNAL_FULL";
      break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      error.code = ErrorCode::kUnavailable;
      if (const int system = sqlite3_system_errno(db); system == ENOSPC || system == EDQUOT) {
        error.code = ErrorCode::kResourceExhausted;
        error.reason = "JOURNAL_FULL";
      }
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = ErrorCode::kUnavailable;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.code = ErrorCode::kDataLoss;
      error.reason = "JOURNAL_CORRUPT";
      break;
    default:
      break;
  }
  return error;
}

int OnCommit(void* log_pages, sqlite3*, const char*, int pages) {
  *static_cast<int*>(log_pages) = pages;
  return SQLITE_OK;
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Closer::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

// A bind of a text or blob fails also for a value over SQLite's limits, or without memory; the caller has
// checked the size.
void Statement::CheckBound(int code) {
  // Out of range or in use: it was not reset, and would run with what was bound before.
  COVEY_CHECK(code != SQLITE_RANGE && code != SQLITE_MISUSE);
}

Statement& Statement::Bind(int64_t value) {
  CheckBound(sqlite3_bind_int64(statement_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::Bind(std::nullopt_t) {
  CheckBound(sqlite3_bind_null(statement_.get(), ++bound_));
  return *this;
}

Statement& Statement::BindText(std::string_view text) {
  CheckBound(sqlite3_bind_text64(statement_.get(), ++bound_, text.data() != nullptr ? text.data() : "",
                                 text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  CheckBound(sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data() != nullptr ? bytes.data() : "",
                                 bytes.size(), SQLITE_STATIC));
  return *this;
}

Step Statement::Next() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return Step::kRow;
    case SQLITE_DONE:
      return Step::kDone;
    default:
      *failure_ = ErrorOf(sqlite3_db_handle(statement_.get()));
      return Step::kFailed;
  }
}

bool Statement::Run() {
  const bool done = Next() == Step::kDone;
  Reset();
  return done;
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bound_ = 0;
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<Database> Database::Open(const std::string& path, const Options& options) {
  const int mode = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  sqlite3* raw = nullptr;
  const std::string vfs = summed_vfs::Above(options.vfs);
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs.c_str());
  Database database;
  database.db_.reset(raw);  // also of a failed open
  if (code != SQLITE_OK) {
    Error error = ErrorOf(raw);
    error.message = path + ": " + error.message;
    return error;
  }
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  sqlite3_wal_hook(raw, OnCommit, database.log_pages_.get());  // and no checkpoint within a commit
  return database;
}

bool Database::Check(int code) {
  if (code == SQLITE_OK) return true;
  *failure_ = ErrorOf(db_.get());
  return false;
}

bool Database::Execute(const std::string& sql) {
  return Check(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

std::optional<std::string> Database::QueryText(const std::string& sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement.ok() || statement.value().Next() != Step::kRow) return std::nullopt;
  return std::string(statement.value().Bytes(0));
}

std::optional<int64_t> Database::QueryInt(const std::string& sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement.ok() || statement.value().Next() != Step::kRow) return std::nullopt;
  return statement.value().Int(0);
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (!Check(sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement, nullptr))) {
    if ((sqlite3_errcode(db_.get()) & 0xff) == SQLITE_ERROR) {  // the schema in the file is not ours
      failure_->code = ErrorCode::kDataLoss;
      failure_->reason = "JOURNAL_CORRUPT";
    }
    return last_error();
  }
  return Statement(statement, failure_.get());
}

bool Database::AddFunction(const char* name, int arguments, Function function) {
  return Check(sqlite3_create_function_v2(db_.get(), name, arguments, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                          nullptr, function, nullptr, nullptr, nullptr));
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }

void Database::OnDamage(const summed_vfs::Tell& tell) {
  summed_vfs::Tell told = tell;
  (void)sqlite3_file_control(db_.get(), "main", summed_vfs::kTell, &told);
}

bool Database::IsSummed() {
  int summed = 0;
  (void)sqlite3_file_control(db_.get(), "main", summed_vfs::kIsSummed, &summed);
  return summed != 0;
}

bool Database::SumPages() {
  int reserve = page_sums::kReserve;
  int none = 0;
  return Check(sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve)) &&
         Check(sqlite3_file_control(db_.get(), "main", summed_vfs::kBegin, &none));
}

int Database::Damage() {
  int damage = 0;
  (void)sqlite3_file_control(db_.get(), "main", summed_vfs::kDamage, &damage);
  return damage;
}

bool Database::Drops(int64_t first, int64_t last) {
  const summed_vfs::Dropped* dropped = nullptr;
  if (sqlite3_file_control(db_.get(), "main", summed_vfs::kDropped, &dropped) != SQLITE_OK) return false;
  return std::any_of(dropped->begin(), dropped->end(), [&](const auto& page) {
    return page.second.first <= last && page.second.last >= first;
  });
}

bool Database::Checkpoint() {
  return Check(sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr));
}

bool Database::TruncateLog() {
  sqlite3_busy_timeout(db_.get(), 0);
  const bool done =
      Check(sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
  sqlite3_busy_timeout(db_.get(), kBusyMilliseconds);
  if (done) *log_pages_ = 0;
  return done;
}

}  // namespace covey::sqlite
