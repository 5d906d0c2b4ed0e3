#include "support/parity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include "support/temp_dir.h"

namespace rrpo::test {
namespace {

using Key = std::tuple<std::string, std::string, std::string, double>;

/// Writes a file parity/TEST.jsonl in the build folder after each test that compared something.
class Report : public testing::EmptyTestEventListener {
 public:
  void see(const Comparison& row, double difference) {
    auto& [worst, count] = rows_[{row.part, row.original, row.compared, row.tolerance}];
    worst = std::max(worst, difference);
    ++count;
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    if (!rows_.empty()) write(test::build_file("parity"), test);
    rows_.clear();
  }

 private:
  void write(const std::filesystem::path& folder, const testing::TestInfo& test) const {
    std::filesystem::create_directories(folder);
    std::string name = std::string(test.test_suite_name()) + "." + test.name();
    std::replace(name.begin(), name.end(), '/', '-');
    std::ofstream file(folder / (name + ".jsonl"));
    for (const auto& [key, seen] : rows_) {
      const auto& [part, original, compared, tolerance] = key;
      file << Json{{"part", part},
                   {"original", original},
                   {"compared", compared},
                   {"tolerance", tolerance},
                   {"worst", seen.first},
                   {"comparisons", seen.second},
                   {"passed", test.result()->Passed()}}
                  .dump()
           << "\n";
    }
  }

  std::map<Key, std::pair<double, int64_t>> rows_;
};

Report& report() {
  static Report* listener = [] {
    auto* made = new Report;  // owned by gtest
    testing::UnitTest::GetInstance()->listeners().Append(made);
    return made;
  }();
  return *listener;
}

}  // namespace

void expect_parity(const Comparison& comparison, double difference, const std::string& where) {
  EXPECT_LE(difference, comparison.tolerance) << comparison.part << ", " << comparison.compared << ": " << where;
  report().see(comparison, std::isnan(difference) ? INFINITY : difference);
}

}  // namespace rrpo::test
