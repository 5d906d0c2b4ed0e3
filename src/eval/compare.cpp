#include "rrpo/eval/compare.h"

#include <map>

#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace {

[[noreturn]] void mismatch(const std::string& problem) {
  throw Error(Fault::input, "data", "compare: " + problem, "compare two evaluations of one question file");
}

/// The rows of `b` in the order of `a`.
std::vector<rows::Prediction> aligned(const std::vector<rows::Prediction>& a, std::vector<rows::Prediction> b) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < b.size(); ++i) places[b[i].id] = i;
  std::vector<rows::Prediction> out;
  for (const rows::Prediction& row : a) {
    const auto found = places.find(row.id);
    if (found == places.end()) mismatch("question '" + row.id + "' is in A only");
    rows::Prediction& other = b[found->second];
    if (other.video != row.video) mismatch("question '" + row.id + "' is about another video in B");
    out.push_back(std::move(other));
    places.erase(found);
  }
  if (!places.empty()) mismatch("question '" + places.begin()->first + "' is in B only");
  return out;
}

bool is_right(const rows::Prediction& row) { return !row.failed() && row.judged.verdict == rows::Verdict::right; }

std::string type_of(const rows::Prediction& row) {
  return row.tags.contains("type") && row.tags["type"].is_string() ? row.tags["type"].get<std::string>() : row.format;
}

void count(ChangeCounts& counts, Change change) {
  ++counts.questions;
  counts.gained += change == Change::gained;
  counts.lost += change == Change::lost;
  counts.right_a += change == Change::lost || change == Change::both_right;
  counts.right_b += change == Change::gained || change == Change::both_right;
}

ChangeCounts& named(std::vector<ChangeCounts>& list, const std::string& name) {
  for (ChangeCounts& counts : list) {
    if (counts.name == name) return counts;
  }
  list.emplace_back().name = name;
  return list.back();
}

/// Accuracy of B minus that of A, video by video.
std::vector<double> video_differences(const Comparison& comparison) {
  std::map<std::string, ChangeCounts> videos;
  for (size_t i = 0; i < comparison.a.size(); ++i) count(videos[comparison.a[i].video], comparison.changes[i]);
  std::vector<double> differences;
  for (const auto& [video, counts] : videos) {
    differences.push_back(static_cast<double>(counts.gained - counts.lost) / static_cast<double>(counts.questions));
  }
  return differences;
}

}  // namespace

std::vector<rows::Prediction> open_predictions(const std::filesystem::path& folder_or_file) {
  const bool folder = std::filesystem::is_directory(folder_or_file);
  std::vector<rows::Prediction> rows =
      rows::read_predictions(folder ? folder_or_file / "predictions.jsonl" : folder_or_file);
  if (rows.empty())
    throw Error(Fault::input, "data", folder_or_file.string() + ": holds no prediction", "finish that evaluation first");
  return rows;
}

Comparison compare(std::vector<rows::Prediction> a, std::vector<rows::Prediction> b, uint64_t seed) {
  Comparison out;
  out.b = aligned(a, std::move(b));
  out.a = std::move(a);
  out.all.name = "all";
  for (size_t i = 0; i < out.a.size(); ++i) {
    const bool before = is_right(out.a[i]), after = is_right(out.b[i]);
    const Change change = before && after ? Change::both_right
                          : before        ? Change::lost
                          : after         ? Change::gained
                                          : Change::both_wrong;
    out.changes.push_back(change);
    count(out.all, change);
    count(named(out.types, type_of(out.a[i])), change);
  }
  out.mcnemar = mcnemar_p(out.all.gained, out.all.lost);
  out.by_video = sign_flip_test(video_differences(out), seed);
  return out;
}

}  // namespace rrpo::eval
