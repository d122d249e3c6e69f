#include "server/daemon/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace covey {
namespace {

namespace fs = std::filesystem;

// A socket bound to `path`, listening if it is of streams; invalid when that failed.
UniqueFd Bind(const std::string& path, int type = SOCK_STREAM) {
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::copy(path.begin(), path.end(), address.sun_path);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  if (type == SOCK_STREAM && listen(fd.get(), 4) != 0) return {};
  return fd;
}

bool CanConnect(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

unsigned ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

// The umask of this process, for as long as it lives. These tests have one thread.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  ~Umask() { umask(before_); }

 private:
  const mode_t before_;
};

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    std::string name = (fs::temp_directory_path() / "covey-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ + "/s";
  }
  ~UnixSocketTest() override { fs::remove_all(directory_); }

  // Serves `socket` at its path; the returned descriptor is the listener.
  static UniqueFd Serve(UnixSocket& socket, uint32_t mode = 0600) {
    EXPECT_TRUE(socket.Claim().ok());
    EXPECT_TRUE(socket.Stage().ok());
    UniqueFd listener = Bind(socket.staged_path());
    EXPECT_TRUE(listener);
    const Status published = socket.Publish(mode, "");
    EXPECT_TRUE(published.ok()) << published.message();
    return listener;
  }
  // What there is in the directory, but for locks.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      std::string name = entry.path().filename().string();
      if (!name.ends_with(".lock")) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, IsThereFromPublishToItsEnd) {
  {
    UnixSocket socket(path_);
    const UniqueFd listener = Serve(socket);
    EXPECT_TRUE(CanConnect(path_));
    EXPECT_EQ(Names(), std::vector<std::string>{"s"});
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(UnixSocketTest, AnOrdinaryFileIsRefusedAndStays) {
  std::ofstream(path_) << "data";
  {
    UnixSocket socket(path_);
    EXPECT_EQ(socket.Claim().message(), path_ + " exists and is no socket");
  }
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "data");
}

TEST_F(UnixSocketTest, ALinkOrADirectoryIsRefusedAndStays) {
  const std::string target = directory_ + "/target";
  const UniqueFd dead = Bind(target);
  fs::create_symlink(target, path_);
  { EXPECT_FALSE(UnixSocket(path_).Claim().ok()); }
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_TRUE(fs::is_socket(target));
  const std::string folder = directory_ + "/folder";
  fs::create_directory(folder);
  { EXPECT_FALSE(UnixSocket(folder).Claim().ok()); }
  EXPECT_TRUE(fs::is_directory(folder));
}

TEST_F(UnixSocketTest, AFileThatCameBeforePublishStays) {
  UnixSocket socket(path_);
  ASSERT_TRUE(socket.Claim().ok());
  ASSERT_TRUE(socket.Stage().ok());
  const UniqueFd listener = Bind(socket.staged_path());
  std::ofstream(path_) << "data";
  EXPECT_FALSE(socket.Publish(0600, "").ok());
  EXPECT_TRUE(fs::is_regular_file(path_));
}

TEST_F(UnixSocketTest, ASocketOfAnotherProgramIsRefusedAndStays) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    const UniqueFd other = Bind(path_, type);
    if (type != SOCK_DGRAM) {
      ASSERT_EQ(listen(other.get(), 1), 0);
    }
    {
      const Status claimed = UnixSocket(path_).Claim();
      EXPECT_EQ(claimed.message(), "another program serves " + path_) << type;
    }
    EXPECT_TRUE(fs::is_socket(path_));
    unlink(path_.c_str());
  }
}

TEST_F(UnixSocketTest, ASocketThatNobodyServesIsReplaced) {
  Bind(path_).Reset();
  ASSERT_TRUE(fs::is_socket(path_));
  UnixSocket socket(path_);
  const UniqueFd listener = Serve(socket);
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(UnixSocketTest, TheSocketOfASuccessorStays) {
  UnixSocket first(path_);
  UniqueFd listener = Serve(first);
  // Somebody cleans up by hand, and another daemon takes the path.
  unlink(path_.c_str());
  unlink((path_ + ".lock").c_str());
  UnixSocket second(path_);
  const UniqueFd successor = Serve(second);
  EXPECT_FALSE(first.Permit(0666, "").ok());
  EXPECT_EQ(ModeOf(path_), 0600u);
  first.Withdraw();
  EXPECT_TRUE(CanConnect(path_));
}

TEST_F(UnixSocketTest, TwoDoNotClaimOnePath) {
  UnixSocket first(path_);
  ASSERT_TRUE(first.Claim().ok());
  EXPECT_EQ(UnixSocket(path_).Claim().message(), "another daemon serves " + path_);
}

TEST_F(UnixSocketTest, ALockThatIsNoFileIsRefusedAndStays) {
  const std::string lock = path_ + ".lock";
  const std::string target = directory_ + "/target";
  std::ofstream(target) << "data";
  fs::create_symlink(target, lock);
  EXPECT_FALSE(UnixSocket(path_).Claim().ok());
  EXPECT_TRUE(fs::is_symlink(lock));
  fs::remove(lock);
  ASSERT_EQ(mkfifo(lock.c_str(), 0600), 0);
  EXPECT_FALSE(UnixSocket(path_).Claim().ok());
  EXPECT_TRUE(fs::is_fifo(lock));
}

TEST_F(UnixSocketTest, OthersNeverGetAtItBeforeItsModeIsSet) {
  const Umask open(0);
  UnixSocket socket(path_);
  ASSERT_TRUE(socket.Claim().ok());
  ASSERT_TRUE(socket.Stage().ok());
  const UniqueFd listener = Bind(socket.staged_path());
  ASSERT_TRUE(listener);
  EXPECT_FALSE(fs::exists(path_));
  const std::vector<std::string> names = Names();
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(ModeOf(directory_ + "/" + names[0]), 0700u);
  ASSERT_TRUE(socket.Publish(0620, "").ok());
  EXPECT_EQ(ModeOf(path_), 0620u);
  EXPECT_TRUE(socket.Permit(0600, "").ok());
  EXPECT_EQ(ModeOf(path_), 0600u);
}

TEST_F(UnixSocketTest, TheUmaskOfTheStartDoesNotCount) {
  for (const mode_t mask : {0, 0177, 0777}) {
    const Umask umask(mask);
    const std::string folder = directory_ + "/run" + std::to_string(mask);
    UnixSocket socket(folder + "/deep/s");
    const UniqueFd listener = Serve(socket, 0660);
    EXPECT_EQ(ModeOf(folder), 0755u);
    EXPECT_EQ(ModeOf(folder + "/deep"), 0755u);
    EXPECT_EQ(ModeOf(socket.path()), 0660u);
  }
}

TEST_F(UnixSocketTest, AnUnknownGroupIsNamedAndNothingIsLeft) {
  {
    UnixSocket socket(path_);
    ASSERT_TRUE(socket.Claim().ok());
    ASSERT_TRUE(socket.Stage().ok());
    const UniqueFd listener = Bind(socket.staged_path());
    EXPECT_EQ(socket.Publish(0660, "no-such-group").message(),
              "socket_group must be a group of this system, got no-such-group");
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(UnixSocketTest, APathAsLongAsTheKernelTakesIsBound) {
  const std::string path = path_ + std::string(107 - path_.size(), 'x');
  UnixSocket socket(path);
  const UniqueFd listener = Serve(socket);
  EXPECT_TRUE(CanConnect(path));
}

}  // namespace
}  // namespace covey
