#include "core/output/fd_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace covey {
namespace {

FdCache::Fd Null() { return std::make_shared<UniqueFd>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FdCache, TheLeastRecentlyUsedGoesFirst) {
  FdCache cache(2);
  cache.Put(1, Null());
  cache.Put(2, Null());
  EXPECT_NE(cache.Get(1), nullptr);
  cache.Put(3, Null());
  EXPECT_EQ(cache.Get(2), nullptr);
  EXPECT_NE(cache.Get(1), nullptr);
  EXPECT_NE(cache.Get(3), nullptr);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(FdCache, WhatIsInUseStaysOpen) {
  FdCache cache(1);
  cache.Put(1, Null());
  FdCache::Fd used = cache.Get(1);
  const int fd = used->get();
  cache.Put(2, Null());
  EXPECT_TRUE(IsOpen(fd));
  used = nullptr;
  EXPECT_FALSE(IsOpen(fd));
}

TEST(FdCache, DropClearAndReplaceClose) {
  FdCache cache(10);
  int fds[3];
  for (int i = 0; i < 3; ++i) {
    const FdCache::Fd fd = Null();
    fds[i] = fd->get();
    cache.Put(static_cast<uint64_t>(i), fd);
  }
  cache.Drop(0);
  cache.Drop(7);
  EXPECT_FALSE(IsOpen(fds[0]));
  const FdCache::Fd newer = Null();
  EXPECT_TRUE(IsOpen(fds[1]));
  cache.Put(1, newer);
  EXPECT_FALSE(IsOpen(fds[1]));
  cache.Clear();
  EXPECT_FALSE(IsOpen(fds[2]));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace covey
