#include "rrpo/eval/questions.h"

#include <algorithm>
#include <map>
#include <set>

#include "benchmarks/subtitles.h"
#include "benchmarks/videomme.h"
#include "rrpo/data/media.h"
#include "rrpo/data/shard.h"
#include "rrpo/eval/convert.h"
#include "rrpo/util/error.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {
namespace {

namespace fs = std::filesystem;

const Benchmark* common_benchmark(const std::vector<rows::Question>& questions) {
  const std::string name = questions.empty() ? "" : questions.front().item.benchmark;
  const auto other = [&](const rows::Question& question) { return question.item.benchmark != name; };
  if (name.empty() || std::any_of(questions.begin(), questions.end(), other)) return nullptr;
  return find_row(benchmarks(), name);
}

QuestionSet from_file(const EvalFields& eval) {
  QuestionSet set;
  set.questions = rows::read_questions(eval.questions);
  if (set.questions.empty())
    throw Error(Fault::input, "data", eval.questions.string() + ": holds no question", "write one JSON object per line");
  set.root = media_root(eval);
  set.files = {eval.questions};
  set.benchmark = common_benchmark(set.questions);
  return set;
}

QuestionSet from_benchmark(const EvalFields& eval) {
  const Benchmark& benchmark = *find_row(benchmarks(), eval.benchmark);
  Conversion conversion = convert(benchmark, eval.root);
  QuestionSet set;
  set.questions = std::move(conversion.questions);
  set.root = eval.video_root.empty() ? conversion.root : eval.video_root;
  for (const auto& [file, hash] : conversion.files) set.files.push_back(eval.root / file);
  set.benchmark = &benchmark;
  set.revision = conversion.revision;
  return set;
}

/// What is drawn as one: the group of a question that counts together with others, else the question.
std::string lot_of(const rows::Question& question) {
  return !question.item.rule.empty() && !question.item.group.empty() ? "group/" + question.item.group : "id/" + question.id;
}

void draw(std::vector<rows::Question>& questions, int64_t limit, uint64_t seed) {
  std::vector<std::string> lots;
  std::map<std::string, int64_t> sizes;
  for (const rows::Question& question : questions) {
    const std::string lot = lot_of(question);
    if (sizes[lot]++ == 0) lots.push_back(lot);
  }
  Random(seed, "eval/limit").shuffle(lots);
  std::set<std::string> drawn;
  int64_t taken = 0;
  for (size_t i = 0; i < lots.size() && taken < limit; ++i) {
    drawn.insert(lots[i]);
    taken += sizes[lots[i]];
  }
  std::erase_if(questions, [&](const rows::Question& question) { return !drawn.contains(lot_of(question)); });
}

/// A path of the root, as those of media.
fs::path subtitle_file(const fs::path& root, const rows::Subtitles& subtitles) {
  rows::Media named;
  named.video = subtitles.path;
  return data::media_files(named, root).front();
}

}  // namespace

QuestionSet read_question_set(const EvalFields& eval) {
  QuestionSet set = eval.benchmark.empty() ? from_file(eval) : from_benchmark(eval);
  set.all = static_cast<int64_t>(set.questions.size());
  return set;
}

void take_part(QuestionSet& set, const EvalFields& eval, uint64_t seed) {
  if (eval.limit > 0 && eval.limit < set.all) draw(set.questions, eval.limit, seed);
  if (eval.shard)
    set.questions = data::shard_questions(set.questions, data::parse_shard(*eval.shard, "eval.shard"), eval.together);
}

void settle(EvalConfig& config, const Benchmark* benchmark, const Json& given) {
  if (!config.eval.max_new_tokens) config.eval.max_new_tokens = benchmark == nullptr ? 64 : benchmark->max_new_tokens;
  if (benchmark == nullptr) return;
  if (!given.contains("/video/frames"_json_pointer)) config.video.frames = benchmark->frames;
  if (!given.contains("/video/sampling"_json_pointer)) config.video.sampling = benchmark->sampling;
}

bool hears_between(const EvalFields& eval, const Benchmark* benchmark) {
  return eval.subtitles && benchmark != nullptr && benchmark->heard == Heard::between_frames;
}

std::vector<std::string> heard_between(const fs::path& root, const rows::Question& question,
                                       const std::vector<double>& times_s) {
  std::vector<std::string> heard(times_s.size() + 1);
  if (!question.item.subtitles) return heard;
  const fs::path file = subtitle_file(root, *question.item.subtitles);
  const std::vector<Cue> cues = parse_cue_list(read_json(file, "data", Fault::input), file.string());
  size_t at = 0;
  for (const Piece& piece :
       interleave(times_s, cues, question.item.subtitles->offset_s, question.item.duration_s.value_or(times_s.back()))) {
    if (piece.frame) {
      at = static_cast<size_t>(*piece.frame) + 1;
    } else if (!piece.text.empty()) {
      heard[at] += (heard[at].empty() ? "" : "\n") + piece.text;
    }
  }
  return heard;
}

Asking asking_at(const EvalFields& eval, const fs::path& root, const rows::Question& question,
                 const std::vector<int64_t>& frames, double fps) {
  if (!eval.subtitles || question.item.benchmark != "videomme") return asking_of(eval.profile, question);
  std::optional<std::string> heard;
  if (question.item.subtitles) {
    const fs::path file = subtitle_file(root, *question.item.subtitles);
    heard = cues_at_frames(parse_srt(read_file(file, "data"), file.string()), frames, fps);
  }
  return ask_videomme_with_subtitles(eval.profile, question, heard);
}

fs::path media_root(const EvalFields& eval) {
  if (!eval.video_root.empty()) return eval.video_root;
  const fs::path beside = eval.questions.parent_path() / "convert.json";
  std::error_code fault;
  if (!fs::is_regular_file(beside, fault)) return eval.questions.parent_path();
  const Json conversion = read_json(beside, "data");
  if (!conversion.is_object() || !conversion.contains("media_root") || !conversion["media_root"].is_string())
    return eval.questions.parent_path();
  return conversion["media_root"].get<std::string>();
}

}  // namespace rrpo::eval
