#include "rrpo/io/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "rrpo/io/atomic.h"
#include "rrpo/io/sha256.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A folder with three files and their manifest.
struct Whole {
  test::TempDir dir;
  fs::path folder = dir / "whole";
  Whole() {
    fs::create_directories(folder / "adapter");
    write_file(folder / "state.json", "{\"step\": 4}\n");
    write_file(folder / "empty", "");
    write_file(folder / "adapter" / "weights", std::string("\0\1\2\3", 4));
    write_manifest(folder);
  }
  std::string fault() const { return manifest_fault(folder).value_or("none"); }
};

TEST(Manifest, AWholeFolderHasNoFault) {
  const Whole whole;
  EXPECT_EQ(whole.fault(), "none");
  write_file(whole.folder / "left by somebody", "nobody reads it");
  EXPECT_EQ(whole.fault(), "none");
}

TEST(Manifest, EverySingleBitOfEveryFileCounts) {
  const Whole whole;
  int64_t flips = 0;
  for (const char* name : {"manifest.json", "state.json", "adapter/weights"}) {
    const std::string bytes = read_file(whole.folder / name, "test");
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit, ++flips) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      write_file(whole.folder / name, flipped);
      EXPECT_THAT(whole.fault(), HasSubstr(name)) << bit;
    }
    write_file(whole.folder / name, bytes);
  }
  EXPECT_GT(flips, 3000);
  EXPECT_EQ(whole.fault(), "none");
}

TEST(Manifest, NamesWhatIsMissingCutOrGrown) {
  const Whole whole;
  write_file(whole.folder / "empty", "x");
  EXPECT_THAT(whole.fault(), HasSubstr("empty: has 1 bytes instead of 0"));
  fs::remove(whole.folder / "empty");
  EXPECT_THAT(whole.fault(), HasSubstr("empty: missing"));
  fs::remove(whole.folder / "manifest.json");
  EXPECT_THAT(whole.fault(), HasSubstr("manifest.json: missing"));
}

TEST(Manifest, RefusesLinks) {
  const Whole whole;
  fs::rename(whole.folder / "state.json", whole.dir / "elsewhere");
  fs::create_symlink(whole.dir / "elsewhere", whole.folder / "state.json");
  EXPECT_THAT(whole.fault(), HasSubstr("state.json: is a link"));
  fs::create_directory_symlink(whole.folder, whole.dir / "link");
  EXPECT_THAT(manifest_fault(whole.dir / "link").value_or("none"), HasSubstr("link"));
}

/// Edits that keep the manifest sound in itself.
TEST(Manifest, RefusesNamesThatLeaveTheFolder) {
  const Whole whole;
  write_file(whole.dir / "outside", "x");
  for (const char* name : {"../outside", "/etc/hostname", "adapter/../state.json", "manifest.json", ""}) {
    write_file(whole.folder / "manifest.json", manifest_text({{name, {1, sha256("x")}}}));
    EXPECT_THAT(whole.fault(), HasSubstr("manifest.json: is not what was written")) << name;
  }
}

}  // namespace
}  // namespace rrpo::io
