#include "rrpo/report/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rrpo::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TrainingReport, SkipsAbsentKeysAndShowsUnknownOnes) {
  const std::vector<Json> metrics = {Json::parse(R"({"step":1,"loss":0.7,"margin/new":1,"pairs":32,"note":"<b>"})"),
                                     Json::parse(R"({"step":2,"loss":null,"margin/new":2,"pairs":32})"), Json(3),
                                     Json::parse(R"({"step":4,"loss":0.5,"once/only":0.25})")};
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

TEST(TrainingReport, TheTermsOfASumStandInOneChart) {
  const std::vector<Json> metrics = {Json::parse(R"({"step":1,"loss":0.7,"loss/rrpo":0.6,"loss/sft":1,"eval/loss/sft":2})"),
                                     Json::parse(R"({"step":2,"loss":0.6,"loss/rrpo":0.5,"loss/sft":1,"eval/loss/sft":1})")};
  const Json run = Json::parse(R"({"config":{"objective":[{"name":"rrpo","weight":1.0},{"name":"sft","weight":0.1}]}})");
  const std::string html = training_report(run, metrics);
  EXPECT_THAT(html, HasSubstr("objective rrpo + 0.1 sft"));
  EXPECT_THAT(html, HasSubstr("aria-label=\"Loss of each term\""));
  EXPECT_THAT(html, HasSubstr("sft, held out"));
  for (const char* own : {"aria-label=\"loss/rrpo\"", "aria-label=\"loss/sft\"", "aria-label=\"eval/loss/sft\""})
    EXPECT_THAT(html, Not(HasSubstr(own)));
  const std::vector<Json> single = {Json::parse(R"({"step":1,"loss":0.7})"), Json::parse(R"({"step":2,"loss":0.6})")};
  EXPECT_THAT(training_report(run, single), Not(HasSubstr("each term")));
}

TEST(TrainingReport, OneStepIsNoCurve) {
  const std::string html = training_report(Json::object(), {Json::parse(R"({"step":1,"loss":0.7,"rewards/accuracies":0})")});
  EXPECT_THAT(html, Not(HasSubstr("<svg")));
  EXPECT_THAT(html, HasSubstr(">rewards/accuracies</td><td class=\"r\">0<"));
}

// No accuracy lies below 0 or above 1, whatever the values are.
TEST(TrainingReport, SharesHaveTheirWholeAxis) {
  for (const double value : {0.0, 0.5, 1.0}) {
    const Json row = {{"step", 1}, {"rewards/accuracies", value}};
    Json next = row;
    next["step"] = 2;
    const std::string html = training_report(Json::object(), {row, next});
    for (const char* tick : {">0<", ">1.0<"}) EXPECT_THAT(html, HasSubstr(tick)) << value;
    for (const char* tick : {">-1", ">-0", ">1.2<"}) EXPECT_THAT(html, Not(HasSubstr(tick))) << value;
  }
}

TEST(TrainingReport, InputsAreALineEach) {
  const Json run = Json::parse(
      R"({"inputs":{"a/pairs.jsonl":{"size":1234567,"modified_ns":1,"sha256":"0123abc"},"old.json":"0123","b":{"size":null}}})");
  const std::string html = training_report(run, {});
  EXPECT_THAT(html, HasSubstr("2 files"));
  EXPECT_THAT(html, HasSubstr(">a/pairs.jsonl</td><td class=\"r\">1,234,567<"));
  EXPECT_THAT(html, HasSubstr("0123abc"));
  EXPECT_THAT(html, Not(HasSubstr("modified_ns")));
}

TEST(TrainingReport, NeedsNothing) {
  EXPECT_THAT(training_report(Json::object(), {}), HasSubstr("No step was taken."));
  EXPECT_THAT(training_report(Json(), {Json::object()}), HasSubstr("</html>"));
}

}  // namespace
}  // namespace rrpo::report
