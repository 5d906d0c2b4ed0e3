#include "rrpo/eval/convert.h"

#include <algorithm>
#include <set>

#include "benchmarks/release.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShown = 10;

std::string media_path(const rows::Media& media) { return media.folder ? media.folder->path : media.video; }

/// Which release the files are of: one name where all known files agree.
std::string revision_of(const std::string& benchmark, const std::map<std::string, std::string>& files) {
  std::set<std::string> names;
  size_t known = 0;
  for (const auto& [file, hash] : files) {
    const std::string name = known_revision(benchmark, hash);
    if (name.empty()) continue;
    ++known;
    names.insert(name);
  }
  if (known == 0) return "not one that this version knows";
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out + (known < files.size() ? " (" + std::to_string(files.size() - known) + " files are of no known one)" : "");
}

/// Questions and videos of each task, in the order of the questions.
struct TaskCount {
  std::string name;
  int64_t questions = 0;
  std::set<std::string> videos;
};

std::vector<TaskCount> tasks_of(const std::vector<rows::Question>& questions) {
  std::vector<TaskCount> tasks;
  for (const rows::Question& question : questions) {
    const auto same = [&](const TaskCount& task) { return task.name == question.item.task; };
    auto found = std::find_if(tasks.begin(), tasks.end(), same);
    if (found == tasks.end()) found = tasks.insert(tasks.end(), TaskCount{question.item.task, 0, {}});
    ++found->questions;
    found->videos.insert(media_path(question.media));
  }
  return tasks;
}

int64_t videos_of(const std::vector<rows::Question>& questions) {
  std::set<std::string> videos;
  for (const rows::Question& question : questions) videos.insert(media_path(question.media));
  return static_cast<int64_t>(videos.size());
}

}  // namespace

Conversion convert(const Benchmark& benchmark, const fs::path& root) {
  Release release(root);
  Released read = benchmark.read(release);
  if (read.questions.empty())
    throw Error(Fault::input, "data", root.string() + ": holds no question of " + benchmark.title,
                "rrpo-eval benchmarks says what to download and how it is laid out");
  Conversion out;
  out.benchmark = &benchmark;
  out.questions = std::move(read.questions);
  out.root = fs::canonical(root);
  out.odd = std::move(read.odd);
  out.notes = std::move(read.notes);
  out.files = release.files();
  out.revision = revision_of(benchmark.name, out.files);
  out.missing_media = release.missing_media();
  const std::set<std::string> missing(out.missing_media.begin(), out.missing_media.end());
  out.missing_questions = std::count_if(out.questions.begin(), out.questions.end(), [&](const rows::Question& question) {
    return missing.contains(media_path(question.media));
  });
  return out;
}

Json conversion_json(const Conversion& conversion) {
  Json tasks = Json::object();
  for (const TaskCount& task : tasks_of(conversion.questions)) tasks[task.name] = task.questions;
  const std::vector<std::string>& missing = conversion.missing_media;
  const std::vector<std::string> first(missing.begin(),
                                       missing.begin() + static_cast<int64_t>(std::min(missing.size(), kShown)));
  return {{"benchmark", conversion.benchmark->name},
          {"questions", conversion.questions.size()},
          {"videos", videos_of(conversion.questions)},
          {"tasks", tasks},
          {"missing_media", {{"count", missing.size()}, {"questions", conversion.missing_questions}, {"first", first}}},
          {"odd", conversion.odd},
          {"notes", conversion.notes},
          {"revision", conversion.revision},
          {"files", conversion.files},
          {"media_root", conversion.root.string()}};
}

report::Table conversion_table(const Conversion& conversion) {
  report::Table table{{"task", "questions", "videos"}, {}};
  for (const TaskCount& task : tasks_of(conversion.questions))
    table.rows.push_back({task.name, std::to_string(task.questions), std::to_string(task.videos.size())});
  table.rows.push_back(
      {"all", std::to_string(conversion.questions.size()), std::to_string(videos_of(conversion.questions))});
  return table;
}

std::vector<std::string> conversion_notes(const Conversion& conversion) {
  std::vector<std::string> out = {"revision: " + conversion.revision};
  for (const std::string& note : conversion.notes) out.push_back(note);
  for (const auto& [kind, count] : conversion.odd) {
    std::string words = kind;
    std::replace(words.begin(), words.end(), '_', ' ');
    out.push_back("odd: " + words + ": " + std::to_string(count));
  }
  const std::vector<std::string>& missing = conversion.missing_media;
  if (missing.empty()) return out;
  out.push_back("missing: " + std::to_string(missing.size()) + " media of " + std::to_string(conversion.missing_questions) +
                " questions; the first:");
  for (size_t i = 0; i < std::min(missing.size(), kShown); ++i)
    out.push_back("  " + (conversion.root / missing[i]).string());
  return out;
}

}  // namespace rrpo::eval
