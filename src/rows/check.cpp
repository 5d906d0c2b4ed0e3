#include "rrpo/rows/check.h"

#include <algorithm>
#include <set>

#include "rrpo/rows/foreign.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/text/markup.h"

namespace rrpo::rows {
namespace {

enum class Kind { pair, question, foreign };

/// What a row is meant to be, by its keys: ours where it looks like ours, so that its faults are told in our words.
Kind kind_of(const Json& row) {
  if (!row.is_object()) return Kind::foreign;
  const auto has = [&](const char* key) { return row.contains(key); };
  const auto is_side = [&](const char* key) { return has(key) && row.at(key).is_object() && row.at(key).contains("text"); };
  if (has("schema") || is_side("chosen") || is_side("rejected")) return Kind::pair;
  if (has("pred") && !has("rejected")) return Kind::pair;
  return has("question") && has("answer") && !has("chosen") && !has("rejected") && !has("QA") ? Kind::question
                                                                                              : Kind::foreign;
}

/// The message of an Error apart: what, without its place, and what to do.
RowFault fault_from(const std::string& place, std::string what) {
  RowFault out;
  out.place = place;
  for (const std::string& head : {std::string("data: "), place + ": "}) {
    if (what.starts_with(head)) what.erase(0, head.size());
  }
  const std::string mark = "; fix: ";
  const size_t fix = what.rfind(mark);
  if (fix != std::string::npos) out.fix = what.substr(fix + mark.size());
  out.what = what.substr(0, fix);
  return out;
}

class Checker {
 public:
  explicit Checker(const CheckRules& rules) : rules_(rules) {}

  void add(const Json& json, const std::string& place) {
    ++out_.rows;
    try {
      const Kind kind = kind_of(json);
      if (kind == Kind::pair) {
        ++out_.formats["pair"];
        pair(parse_pair(json, place), place);
      } else if (kind == Kind::question) {
        ++out_.formats["question"];
        question(parse_question(json, place), place);
      } else {
        foreign(json, place);
      }
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      fault(place, error.what());
    }
  }
  void fault(const std::string& place, const std::string& what) { out_.faults.push_back(fault_from(place, what)); }
  CheckedRows done() && { return std::move(out_); }

 private:
  void foreign(const Json& json, const std::string& place) {
    Imported row = import_row(json, place, {.format = "auto", .spans = "auto", .root = rules_.root});
    for (const auto& [name, count] : row.formats) out_.formats[name] += count;
    for (const auto& [note, count] : row.notes) out_.notes[note] += count;
    if (row.skipped() > 0) return fault(place, row.lines.back().at("reason").get<std::string>());
    for (const Pair& one : row.pairs) sides(one, place);
    for (const Question& one : row.questions) truth(one, place);
    const bool asks = !row.pairs.empty();
    medium(asks ? row.pairs.front().media : row.questions.front().media, place);
  }

  void pair(const Pair& pair, const std::string& place) {
    known(pair.id, pair.extra, place);
    if (pair.chosen.text == pair.rejected.text)
      fault(place, "chosen and rejected are the same text; fix: leave the pair out");
    if (pair.chosen.spans.empty() && pair.rejected.spans.empty())
      ++out_.notes["pairs without a mark, which objectives that read marks refuse"];
    if (pair.other_chosen && pair.other_chosen->text == pair.chosen.text)
      fault(place, "other_chosen and chosen are the same text; fix: name another clip whose answer differs");
    sides(pair, place);
    medium(pair.media, place);
    view(pair.other, "other", pair.media, place);
    view(pair.reference, "reference", pair.media, place);
  }

  void question(const Question& question, const std::string& place) {
    known(question.id, question.extra, place);
    truth(question, place);
    medium(question.media, place);
    view(question.other, "other", question.media, place);
  }

  void sides(const Pair& pair, const std::string& place) {
    ++out_.pairs;
    tokens(pair.question, "question", place);
    longest(tokens(pair.chosen.text, "chosen", place));
    longest(tokens(pair.rejected.text, "rejected", place));
    if (pair.other_chosen) longest(tokens(pair.other_chosen->text, "other_chosen", place));
  }

  void truth(const Question& question, const std::string& place) {
    ++out_.questions;
    tokens(question.question, "question", place);
    longest(tokens(question.answer, "answer", place));
    if (!question.other_answer.empty()) longest(tokens(question.other_answer, "other_answer", place));
  }

  void known(const std::string& id, const Json& extra, const std::string& place) {
    count_unused(extra, out_.notes);
    if (!ids_.insert(id).second) fault(place, "id '" + id + "' occurs twice in the file; fix: give every row its own id");
  }

  /// The number of tokens of a text, one end of turn included; 0 without a tokenizer.
  int64_t tokens(const std::string& text, const char* key, const std::string& place) {
    if (rules_.tokenizer == nullptr) return 0;
    const std::string token = text::special_token_in(*rules_.tokenizer, text);
    if (!token.empty()) {
      fault(place, std::string(key) + " holds " + token +
                       ", a control token of this tokenizer; fix: remove it: the program writes the prompt itself");
    }
    return static_cast<int64_t>(rules_.tokenizer->encode(text).size()) + 1;
  }
  void longest(int64_t tokens) { out_.longest_answer = std::max(out_.longest_answer, tokens); }

  /// Each medium is looked at once; each row that names an unsound one has that fault.
  void medium(const Media& media, const std::string& place) {
    if (!rules_.media) return;
    look(media_, media.key(), place, [&] { rules_.media(media); });
    out_.media = static_cast<int64_t>(media_.size());
  }

  /// A view of the row's `own` medium, or of another one; of an unsound one the perturbations are not looked at.
  void view(const std::optional<View>& view, const char* key, const Media& own, const std::string& place) {
    if (!view) return;
    if (view->media.key() != own.key()) medium(view->media, place);
    const auto found = media_.find(view->media.key());
    const bool sound = found == media_.end() || found->second.empty();
    if (view->perturbed() && sound && rules_.perturbed)
      look(views_, view->key(), place, [&] { rules_.perturbed(*view, std::string(key) + ".perturb"); });
  }

  /// Calls `check` for a new name, and records the fault that this name has.
  template <class Check>
  void look(std::map<std::string, std::string>& known, const std::string& name, const std::string& place, Check check) {
    const auto [found, is_new] = known.try_emplace(name);
    if (is_new) {
      try {
        check();
      } catch (const Error& error) {
        if (error.fault() != Fault::input) throw;
        found->second = error.what();
      }
    }
    if (!found->second.empty()) fault(place, found->second);
  }

  const CheckRules& rules_;
  CheckedRows out_;
  std::set<std::string> ids_;
  std::map<std::string, std::string> media_, views_;  ///< the fault of each, empty for a sound one
};

}  // namespace

CheckedRows check_rows(std::string_view text, const std::string& file, const CheckRules& rules) {
  Checker checker(rules);
  std::vector<BadRow> broken;
  each_row(text, file, &broken, [&](const Json& json, const std::string& place) {
    for (const BadRow& row : broken) checker.fault(row.place, row.reason);
    broken.clear();
    checker.add(json, place);
  });
  for (const BadRow& row : broken) checker.fault(row.place, row.reason);
  return std::move(checker).done();
}

Json check_json(const CheckedRows& checked) {
  Json out = {{"rows", checked.rows}, {"pairs", checked.pairs}, {"questions", checked.questions}, {"media", checked.media}};
  if (checked.longest_answer > 0) out["longest_answer_tokens"] = checked.longest_answer;
  for (const auto& [name, count] : checked.formats) out["formats"][name] = count;
  for (const auto& [note, count] : checked.notes) out["notes"][note] = count;
  out["faults"] = Json::array();
  for (const RowFault& fault : checked.faults)
    out["faults"].push_back({{"place", fault.place}, {"what", fault.what}, {"fix", fault.fix}});
  return out;
}

}  // namespace rrpo::rows
