// Models whose replies are known beforehand, on the made-up releases. What they must score is counted here from the
// questions alone: which letters are right, how many, in which task. Nothing below calls a scorer or asks it what it read.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "releases.h"
#include "rrpo/eval/convert.h"
#include "rrpo/eval/evaluation.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"
#include "support/temp_dir.h"

namespace rrpo::eval::mock {

using rows::Question;
using rows::Verdict;

/// A reply for each question.
using Model = std::function<std::string(const Question&)>;
/// The verdict that a scorer must come to; nothing where it has no rule for the question.
using Rule = std::function<std::optional<Verdict>(const Question&)>;

inline Model says(const std::string& reply) {
  return [reply](const Question&) { return reply; };
}
inline Rule all(Verdict verdict) {
  return [verdict](const Question&) { return verdict; };
}
inline Verdict right_if(bool right) { return right ? Verdict::right : Verdict::wrong; }
/// `rule`, but for the rows that are named.
inline Rule but(Rule rule, std::map<std::string, Verdict> rows) {
  return [rule = std::move(rule), rows = std::move(rows)](const Question& question) {
    const auto found = rows.find(question.id);
    return found == rows.end() ? rule(question) : std::optional(found->second);
  };
}

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
inline double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

/// What is expected of some questions.
struct Tally {
  int64_t n = 0;
  std::array<int64_t, 7> of{};

  void add(Verdict verdict) {
    ++n;
    ++of.at(static_cast<size_t>(verdict));
  }
  int64_t operator[](Verdict verdict) const { return of.at(static_cast<size_t>(verdict)); }
  int64_t answered() const { return (*this)[Verdict::right] + (*this)[Verdict::wrong]; }
  /// Of the replies that count; one that cannot be read counts and is not right, one that nobody judged does not.
  double share() const { return ratio((*this)[Verdict::right], n - (*this)[Verdict::unjudged] - (*this)[Verdict::dropped]); }
};

/// NaN: there is none.
inline void expect_number(double expected, double seen) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(seen)) << seen;
  } else {
    EXPECT_NEAR(seen, expected, 1e-12);
  }
}
/// What stands beside the number; NaN for null.
inline double extra(const Scores& scores, const std::string& name) {
  const Json& value = scores.extra.at(name);
  return value.is_null() ? kNone : value.get<double>();
}

/// A made-up release, converted.
class World {
 public:
  explicit World(const std::string& name) : name_(name), made_(name) {
    if (made_.done()) questions_ = convert(*find_row(benchmarks(), name), made_.root()).questions;
  }
  /// False without ffmpeg and python3.
  bool made() const { return !questions_.empty(); }
  const std::vector<Question>& questions() const { return questions_; }

  /// `first` on every other question, beginning with the first one, and `second` between them.
  template <class F>
  F in_turn(F first, F second) const {
    std::map<std::string, bool> odd;
    for (size_t i = 0; i < questions_.size(); ++i) odd[questions_[i].id] = i % 2 == 1;
    return
        [odd, first, second](const Question& question) { return odd.at(question.id) ? second(question) : first(question); };
  }

  Scores scores(const Model& model, const std::string& scorer, const rows::Aids& aids = {}) const {
    std::vector<rows::Prediction> said;
    for (const Question& question : questions_) said.push_back(rows::predicted(question, model(question)));
    Evaluation evaluation = evaluate(questions_, said, {scorer}, aids);
    EXPECT_EQ(evaluation.results.size(), 1u);
    return evaluation.results.front().scores;
  }

  /// The scorer's counts for `model`, all and by task, are those that `rule` makes.
  Scores expect_verdicts(const Model& model, const std::string& scorer, const Rule& rule) const {
    Scores scores = this->scores(model, scorer);
    const auto [whole, tasks] = tally(rule);
    expect_counts(scores.all, whole);
    EXPECT_EQ(scores.types.size(), tasks.size());
    for (const Counts& counts : scores.types) expect_counts(counts, tasks.at(counts.name));
    return scores;
  }

  /// And so are the numbers. MLVU and TempCompass weigh tasks, the others questions; the other of the two stands beside.
  void expect(const Model& model, const std::string& scorer, const Rule& rule) const {
    SCOPED_TRACE(scorer);
    const Scores scores = expect_verdicts(model, scorer, rule);
    const auto [whole, tasks] = tally(rule);
    double sum = 0;
    int64_t numbers = 0;
    for (const auto& [task, own] : tasks) {
      sum += std::isnan(own.share()) ? 0 : own.share();
      numbers += std::isnan(own.share()) ? 0 : 1;
    }
    const bool read = whole.answered() > 0, by_task = name_ == "mlvu" || name_ == "tempcompass";
    const double micro = read ? whole.share() : kNone, macro = read ? sum / static_cast<double>(numbers) : kNone;
    expect_number(by_task ? macro : micro, scores.overall.value);
    expect_number(by_task ? micro : macro, extra(scores, by_task ? "micro" : "macro_tasks"));
    if (!read) {
      EXPECT_TRUE(std::isnan(scores.overall.interval.low));
    }
  }

  /// `names` serve the benchmark; the other scorers are refused.
  void expect_served_by(const std::vector<std::string>& names) const {
    for (const rows::Scorer& scorer : rows::scorers()) {
      SCOPED_TRACE(scorer.name);
      if (std::find(names.begin(), names.end(), scorer.name) != names.end()) {
        EXPECT_NO_THROW(scores(says("B"), scorer.name));
        continue;
      }
      try {
        scores(says("B"), scorer.name);
        ADD_FAILURE() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::usage);
        EXPECT_NE(std::string(error.what()).find("'" + scorer.name + "' has no rule"), std::string::npos) << error.what();
      }
    }
  }

 private:
  static void expect_counts(const Counts& counts, const Tally& tally) {
    SCOPED_TRACE(counts.name);
    EXPECT_EQ(counts.questions, tally.n);
    EXPECT_EQ(counts.right, tally[Verdict::right]);
    EXPECT_EQ(counts.wrong, tally[Verdict::wrong]);
    EXPECT_EQ(counts.unparsed, tally[Verdict::unparsed]);
    EXPECT_EQ(counts.dropped, tally[Verdict::dropped]);
    EXPECT_EQ(counts.guessed, tally[Verdict::random]);
    EXPECT_EQ(counts.unjudged, tally[Verdict::unjudged]);
    EXPECT_EQ(counts.failed + counts.missing, 0);
    EXPECT_EQ(counts.right + counts.wrong + counts.unparsed + counts.dropped + counts.guessed + counts.unjudged, tally.n);
    expect_number(tally.answered() == 0 ? kNone : tally.share(), counts.accuracy());
  }
  std::pair<Tally, std::map<std::string, Tally>> tally(const Rule& rule) const {
    std::pair<Tally, std::map<std::string, Tally>> out;
    for (const Question& question : questions_) {
      const std::optional<Verdict> verdict = rule(question);
      if (!verdict) continue;
      out.first.add(*verdict);
      out.second[question.item.task].add(*verdict);
    }
    return out;
  }

  std::string name_;
  test_release::Made made_;
  std::vector<Question> questions_;
};

}  // namespace rrpo::eval::mock
