#include "rrpo/eval/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace {

[[noreturn]] void mismatch(const std::string& problem) {
  throw Error(Fault::input, "data", "compare: " + problem, "compare two evaluations of one question file");
}

/// Both sides know a text and it is another one.
bool differs(const std::string& a, const std::string& b) { return !a.empty() && !b.empty() && a != b; }

void check_same(const rows::Scored& a, const rows::Scored& b) {
  const std::string name = "question '" + printable(a.id, 60) + "' ";
  if (differs(a.question, b.question)) mismatch(name + "has another text in B");
  if (differs(a.answer, b.answer)) mismatch(name + "has another true answer in B");
  if (differs(a.video, b.video)) mismatch(name + "is about another video in B");
}

/// Fills the rows of both sides that can be compared, in the order of A.
void align(std::vector<rows::Scored> a, std::vector<rows::Scored> b, Comparison& out) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < b.size(); ++i) places[b[i].id] = i;
  for (rows::Scored& row : a) {
    const auto found = places.find(row.id);
    if (found == places.end()) {
      ++out.only_a;
      continue;
    }
    rows::Scored& other = b[found->second];
    places.erase(found);
    check_same(row, other);
    if (!row.counts() || !other.counts()) {
      ++out.uncounted;
      continue;
    }
    out.a.push_back(std::move(row));
    out.b.push_back(std::move(other));
  }
  out.only_b = static_cast<int64_t>(places.size());
  if (out.a.empty()) mismatch("A and B share no question that was answered");
}

/// Questions that count together become one row: right when each of them is, of no count when one of them has none.
std::vector<rows::Scored> joined(std::vector<rows::Scored> rows) {
  std::vector<rows::Scored> out;
  std::map<std::string, size_t> groups;
  for (rows::Scored& row : rows) {
    const auto [at, is_new] =
        row.group.empty() ? std::pair(groups.end(), true) : groups.try_emplace(row.task + "/" + row.group, out.size());
    if (is_new) {
      out.push_back(std::move(row));
      continue;
    }
    rows::Scored& first = out[at->second];
    if (first.counts() && (!row.counts() || !row.right())) first.judged = row.judged;
    first.question += "\n" + row.question;
    first.answer += "\n" + row.answer;
    first.said += "\n" + row.said;
  }
  return out;
}

bool is_right(const rows::Scored& row) { return row.right(); }

std::string type_of(const rows::Scored& row) {
  if (!row.task.empty()) return row.task;
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

/// What may differ without a word: the models, where things lie, how the work is divided.
bool is_free(const std::string& field) {
  static const std::set<std::string> free = {
      "model.path",    "model.adapter",     "device",       "devices",   "threads",    "eval.questions", "eval.video_root",
      "questions",     "predictions",       "seed",         "eval.root", "eval.shard", "eval.scorers",   "eval.controls",
      "eval.examples", "eval.similarities", "similarities", "scorers",   "data.cache", "eval.benchmark"};
  return free.contains(field);
}

/// The scorer of a side's verdicts: they are all of one.
std::string scorer_of(const Side& side) { return side.rows.empty() ? "" : side.rows.front().scorer; }

std::vector<Setting> differing_settings(const Side& a, const Side& b) {
  std::vector<Setting> out;
  if (differs(scorer_of(a), scorer_of(b))) out.push_back({"scorer", scorer_of(a), scorer_of(b)});
  if (!a.config.is_object() || !b.config.is_object()) return out;
  const Json left = a.config.flatten(), right = b.config.flatten();
  std::set<std::string> fields;
  for (const Json* side : {&left, &right}) {
    for (const auto& [field, value] : side->items()) fields.insert(field);
  }
  for (const std::string& pointer : fields) {
    const Json before = left.value(pointer, Json()), after = right.value(pointer, Json());
    std::string field = pointer.substr(std::min<size_t>(1, pointer.size()));
    std::replace(field.begin(), field.end(), '/', '.');
    if (before != after && !is_free(field)) out.push_back({field, before, after});
  }
  return out;
}

}  // namespace

Comparison compare(Side a, Side b, uint64_t seed) {
  Comparison out;
  out.settings = differing_settings(a, b);
  align(joined(std::move(a.rows)), joined(std::move(b.rows)), out);
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
