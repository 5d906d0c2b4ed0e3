// K questions about one clip in one pass against K passes with one question each: CPU seconds on one thread, medians of
// interleaved runs, after the answers were found equal. Called by scripts/benchmarks/questions.sh.
//
//   questions_bench MODEL VIDEO FRAMES REPEATS K...
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/data/answers.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/error.h"

namespace rrpo {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Short questions, as yes and no benchmarks ask them.
std::vector<rows::Question> questions_about(const std::filesystem::path& video, int64_t count) {
  static const std::vector<std::string> colours = {"red", "blue", "green", "yellow"};
  static const std::vector<std::string> shapes = {"circle", "square", "triangle"};
  static const std::vector<std::string> places = {"first", "last", "above", "below", "left", "right"};
  std::vector<rows::Question> out;
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    rows::Question question;
    question.id = std::to_string(1000 + i);
    question.media.video = video.filename().string();
    question.question = "Is a " + colours[at % 4] + " " + shapes[at / 4 % 3] + " " + places[at / 12 % 6] + "?";
    question.format = "yesno";
    out.push_back(question);
  }
  return out;
}

struct Bench {
  const policy::Policy& policy;
  data::AnswerRules rules;

  std::vector<std::string> ask(const std::vector<rows::Question>& questions) const {
    data::AnswerStream stream(policy, questions, data::group_by_video(questions), rules);
    const auto video = stream.next();
    expect(video.has_value() && video->fault.empty(), video ? video->fault : "no answer");
    std::vector<std::string> texts;
    for (const policy::Generated& answer : video->answers) texts.push_back(answer.text);
    return texts;
  }
  double timed(const std::vector<rows::Question>& questions) const {
    const double begin = cpu_seconds();
    ask(questions);
    return cpu_seconds() - begin;
  }
};

int run(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "questions_bench MODEL VIDEO FRAMES REPEATS K...\n");
    return 2;
  }
  at::set_num_threads(1);
  const std::filesystem::path video = argv[2];
  policy::ModelConfig model;
  model.path = argv[1];
  const policy::Policy policy = policy::open_policy(model, "cpu");
  data::AnswerRules rules;
  rules.root = video.parent_path();
  rules.video.frames = std::stoll(argv[3]);
  rules.max_new_tokens = 2;
  const Bench bench{policy, rules};
  const int64_t repeats = std::stoll(argv[4]);
  std::printf("| K | one question, s | K questions, s | K single runs over one | of K |\n|---|---|---|---|---|\n");
  for (int i = 5; i < argc; ++i) {
    const int64_t count = std::stoll(argv[i]);
    const std::vector<rows::Question> all = questions_about(video, count);
    const std::vector<std::string> together = bench.ask(all);
    for (const int64_t k : {int64_t{0}, count / 2, count - 1}) {
      const auto at = static_cast<size_t>(k);
      expect(bench.ask({all[at]}).front() == together[at], "a question has one answer, alone and beside others");
    }
    std::vector<double> one, many, ratios;
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      one.push_back(bench.timed({all[static_cast<size_t>(repeat % count)]}));
      many.push_back(bench.timed(all));
      ratios.push_back(static_cast<double>(count) * one.back() / many.back());
    }
    const double ratio = median(ratios);
    std::printf("| %lld | %.2f | %.2f | %.1f | %.2f |\n", static_cast<long long>(count), median(one), median(many), ratio,
                ratio / static_cast<double>(count));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace rrpo

int main(int argc, char** argv) {
  try {
    return rrpo::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
