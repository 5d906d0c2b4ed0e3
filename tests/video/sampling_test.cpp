#include "rrpo/video/sampling.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "rrpo/util/error.h"

namespace rrpo::video {
namespace {

// Python and numpy wrote the indices of every total up to 700, the ones where doubles differ from integers among them.
TEST(Sampling, EqualsPythonAndNumpy) {
  for (const Json& row : test::golden().at("sampling")) {
    std::vector<int32_t> all;
    const auto rule = row.at("rule").get<std::string>();
    const auto wanted = row.at("wanted").get<int64_t>();
    for (int64_t total = 1; total <= row.at("largest_total").get<int64_t>(); ++total) {
      for (const int64_t index : sample_indices(rule, total, wanted)) all.push_back(static_cast<int32_t>(index));
    }
    EXPECT_EQ(sample_indices(rule, 37, wanted), row.at("of_37").get<std::vector<int64_t>>()) << rule << " " << wanted;
    EXPECT_EQ(test::crc32(all.data(), all.size() * 4), row.at("crc32").get<uint32_t>()) << rule << " " << wanted;
  }
}

TEST(Sampling, EveryRuleStaysInsideAndNeverFalls) {
  for (const std::string& rule : sampling_rules()) {
    for (int64_t total = 1; total < 50; ++total) {
      for (int64_t wanted = 1; wanted < 40; ++wanted) {
        const auto indices = sample_indices(rule, total, wanted);
        ASSERT_EQ(indices.size(), static_cast<size_t>(wanted));
        EXPECT_EQ(indices.front(), 0);
        EXPECT_LT(indices.back(), total);
        EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
      }
    }
  }
}

TEST(Sampling, RefusesAnotherRuleAndNoFrames) {
  try {
    sample_indices("middle", 8, 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_NE(std::string(error.what()).find("authors, linspace"), std::string::npos) << error.what();
  }
  EXPECT_THROW(sample_indices("authors", 8, 0), Error);
}

}  // namespace
}  // namespace rrpo::video
