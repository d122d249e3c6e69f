#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "covey/result.h"

struct sqlite3;
struct sqlite3_context;
struct sqlite3_stmt;
struct sqlite3_value;

// A thin layer over SQLite's C interface: ownership, binding in order, errors as values. Every file is opened through
// summed_vfs.
namespace covey::sqlite {

class Database;

// The result of a step: a row is there, there are no more, or it failed (Database::last_error says why).
enum class Step : uint8_t { kRow, kDone, kFailed };

// A prepared statement. Use: Bind…(values) in order, Next until it is not kRow, then Reset (or let a Use do
// it). Not thread-safe; outlived by its Database.
class Statement {
 public:
  Statement() = default;

  Statement& Bind(int64_t value);
  Statement& Bind(uint64_t value) { return Bind(static_cast<int64_t>(value)); }
  Statement& Bind(std::nullopt_t);
  // The text or blob must stay as it is until Reset.
  Statement& BindText(std::string_view text);
  template <typename Temporary>
  requires std::is_same_v<Temporary, std::string> Statement& BindText(Temporary&&) = delete;
  Statement& BindBlob(std::string_view bytes);

  Step Next();
  // One step that yields no row, and Reset. False: it failed.
  bool Run();
  void Reset();

  int64_t Int(int column) const;
  // Valid until the next Next or Reset.
  std::string_view Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  static void CheckBound(int code);
  Statement(sqlite3_stmt* statement, Error* failure) : statement_(statement), failure_(failure) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  Error* failure_ = nullptr;  // of the Database
  int bound_ = 0;
};

// Resets a statement at the end of a scope, so that it holds neither a lock nor borrowed bytes.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) {}
  ~Use() { statement_.Reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Statement* operator->() { return &statement_; }
  Statement& operator*() { return statement_; }

 private:
  Statement& statement_;
};

// One connection. Used by one thread at a time.
class Database {
 public:
  struct Options {
    bool read_only = false;
    std::string vfs;  // empty: the default
  };
  static Result<Database> Open(const std::string& path, const Options& options);

  Database() = default;

  bool is_open() const { return db_ != nullptr; }
  void Close() { db_.reset(); }

  // Statements without results, separated by semicolons.
  bool Execute(const std::string& sql);
  // The first column of the first row of `sql`; nullopt when it failed or yielded none.
  std::optional<std::string> QueryText(const std::string& sql);
  std::optional<int64_t> QueryInt(const std::string& sql);
  // An invalid statement of ours is a broken invariant; one that the file makes invalid is an error.
  Result<Statement> Prepare(std::string_view sql);

  // A function of that many arguments for the statements of this connection.
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  bool AddFunction(const char* name, int arguments, Function function);

  bool in_transaction() const;
  // Rows that the last statement inserted, changed or deleted.
  int64_t changes() const;
  // Pages in the write-ahead log after the last commit of this connection.
  int log_pages() const { return *log_pages_; }
  // Pages with checksums (summed_vfs.h): who is told once of each that does not match, before the first statement; whether the file has them; those that are written from now on, in a file
  // that is empty or about to be written anew as a whole; leaves of tables that did not match so far.
  void OnDamage(const std::function<void(const std::string& line)>& tell);
  bool IsSummed();
  bool SumPages();
  int Damage();
  // Whether rows between the keys of a table were left out because their page is damaged, as far as is known.
  bool Drops(int64_t first, int64_t last);
  // Moves what is in the log into the database, as far as no reader needs the old state. False: it failed.
  bool Checkpoint();
  // Moves all of it and makes the log empty. Waits for nobody: false also when somebody reads.
  bool TruncateLog();

  // Why the last call that failed did; one that SQLite does not know of is said to have.
  void Fail(Error error) { *failure_ = std::move(error); }
  const Error& last_error() const { return *failure_; }

 private:
  struct Closer {
    void operator()(sqlite3* db) const;
  };
  bool Check(int code);

  // On the heap, so that their addresses outlive a move.
  std::unique_ptr<Error> failure_ = std::make_unique<Error>();
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);
  std::unique_ptr<sqlite3, Closer> db_;
};

}  // namespace covey::sqlite
