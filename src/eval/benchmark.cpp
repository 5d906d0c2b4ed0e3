#include "rrpo/eval/benchmark.h"

#include <algorithm>

#include "benchmarks/entries.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {

const std::vector<Benchmark>& benchmarks() {
  static const std::vector<Benchmark> all = {
      benchmark_tvbench(),     benchmark_tempcompass(),    benchmark_videohallucer(), benchmark_vidhalluc(),
      benchmark_mvbench(),     benchmark_videomme(),       benchmark_mlvu(),          benchmark_longvideobench(),
      benchmark_videomme_v2(), benchmark_eventhallusion(), benchmark_elvhalluc()};
  return all;
}

const std::vector<std::string>& profiles() {
  static const std::vector<std::string> names = {"rrpo-llava", "rrpo-videochat2", "rrpo-longvu", "lmms"};
  return names;
}

Asking asking_of(std::string_view profile, const rows::Question& question) {
  const std::vector<std::string>& known = profiles();
  if (std::find(known.begin(), known.end(), profile) == known.end()) {
    throw Error(Fault::usage, "config", "eval.profile: no profile is named '" + std::string(profile) + "'",
                "use rrpo-llava, rrpo-videochat2, rrpo-longvu or lmms");
  }
  for (const Benchmark& benchmark : benchmarks()) {
    if (benchmark.name == question.item.benchmark) return benchmark.ask(profile, question);
  }
  return {"", question.question, ""};
}

}  // namespace rrpo::eval
