#include "rrpo/report/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rrpo::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TrainingReport, SkipsAbsentKeysAndShowsUnknownOnes) {
  const std::vector<Json> metrics = {Json::parse(R"({"step":1,"loss":0.7,"margin/new":1,"pairs":32,"note":"<b>"})"),
                                     Json::parse(R"({"step":2,"loss":null,"margin/new":2,"pairs":32})"), Json(3)};
  const Json run =
      Json::parse(R"({"version":"0.1.0","seed":42,"config":{"objective":{"name":"rrpo"}},"counts":{"rows":64}})");
  const std::string html = training_report(run, metrics);
  EXPECT_THAT(html, HasSubstr("aria-label=\"Loss\""));
  EXPECT_THAT(html, HasSubstr("aria-label=\"margin/new\""));
  EXPECT_THAT(html, Not(HasSubstr("aria-label=\"Rewards\"")));
  EXPECT_THAT(html, HasSubstr("objective rrpo · seed 42 · rrpo 0.1.0"));
  EXPECT_THAT(html, HasSubstr("objective.name"));
  EXPECT_THAT(html, HasSubstr(">rows<"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

TEST(TrainingReport, NeedsNothing) {
  EXPECT_THAT(training_report(Json::object(), {}), HasSubstr("No step was taken."));
  EXPECT_THAT(training_report(Json(), {Json::object()}), HasSubstr("</html>"));
}

}  // namespace
}  // namespace rrpo::report
