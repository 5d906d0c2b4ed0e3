#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/train/recompute.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

TEST(RecomputeField, WordsAndNumbers) {
  using model::Recompute;
  const auto rules = [](const std::string& value) {
    const model::PassRules own = recompute_rules("train.recompute", value);
    return std::make_pair(own.recompute, own.recompute_layers);
  };
  EXPECT_EQ(rules("none"), std::make_pair(Recompute::none, int64_t{-1}));
  EXPECT_EQ(rules("mlp"), std::make_pair(Recompute::mlp, int64_t{-1}));
  EXPECT_EQ(rules("layer"), std::make_pair(Recompute::layer, int64_t{-1}));
  EXPECT_EQ(rules("0"), std::make_pair(Recompute::none, int64_t{-1}));
  EXPECT_EQ(rules("12"), std::make_pair(Recompute::layer, int64_t{12}));
}

TEST(RecomputeField, OtherValuesAreRefusedByName) {
  for (const char* value : {"", "layers", "-1", "2.5", "3 ", "99999999999999999999"}) {
    try {
      recompute_rules("train.recompute", value);
      ADD_FAILURE() << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_THAT(error.what(), testing::HasSubstr("train.recompute"));
    }
  }
}

}  // namespace
}  // namespace rrpo::train
