#include "rrpo/util/folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

using Names = std::vector<std::string>;

TEST(NamesIn, AreSortedAndNoneWhereNoFolderIs) {
  const test::TempDir dir;
  for (const char* name : {"b", "a", ".c"}) dir.write(name, "");
  std::filesystem::create_directory(dir / "d");
  EXPECT_EQ(names_in(dir.path()), (Names{".c", "a", "b", "d"}));
  dir.write("d/e", "");
  EXPECT_EQ(paths_below(dir.path()), (std::vector{dir / ".c", dir / "a", dir / "b", dir / "d", dir / "d/e"}));
  std::filesystem::remove(dir / "d/e");
  EXPECT_EQ(names_in(dir / "d"), Names{});
  EXPECT_EQ(names_in(dir / "absent"), Names{});
  EXPECT_EQ(names_in(dir / "a"), Names{});
}

// A folder that could not be read is not one in which nothing lies.
TEST(NamesIn, AFolderThatCannotBeReadIsAFault) {
  const test::TempDir dir;
  dir.write("a", "");
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none = {3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    try {
      names_in(dir.path());
    } catch (const Error& error) {
      const bool told = std::string(error.what()).find("Too many open files") != std::string::npos;
      ::_exit(told ? error.exit_code() : 1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

}  // namespace
}  // namespace rrpo
