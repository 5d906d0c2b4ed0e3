#include "rrpo/rows/foreign.h"

#include <cstdio>
#include <set>

#include "formats/rows.h"
#include "rrpo/text/diff.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"

namespace rrpo::rows {
namespace {

struct PlacedRow {
  Json json;
  std::string place;
};

/// Keys that have a meaning in our rows: what another program means by them goes to `made.row`.
bool is_ours(const std::string& key) {
  static const std::set<std::string> keys = {"schema", "id",      "video",  "frames", "clip", "question",
                                             "chosen", "answer",  "source", "weight", "made", "spans",
                                             "format", "options", "slots",  "style",  "tags", "rejected"};
  return keys.contains(key);
}

/// A fault without the file, the line and what to do: what counts as the same reason.
std::string plain_reason(std::string what, const std::string& place) {
  const std::string head = "data: " + place + ": ";
  if (what.starts_with(head)) what.erase(0, head.size());
  return what.substr(0, what.find("; fix: "));
}

std::string hash_of(const ForeignRow& row) {
  std::string content = row.media.key();
  for (const ForeignItem& item : row.items) {
    content += "\n" + item.question + "\n" + item.chosen.text + "\n" + (item.rejected ? item.rejected->text : "");
  }
  char out[20];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash64(content)));
  return out;
}

/// What kind of answer can be judged by rules: yes or no alone, up to three words, or none.
std::string format_of(const std::string& answer) {
  const std::string words = text::plain_words(answer);
  if (words == "yes" || words == "no") return "yesno";
  return std::count(words.begin(), words.end(), ' ') < 3 && !words.empty() ? "short" : "open";
}

text::MarkedText side_of(const ForeignAnswer& answer, const std::string& place) {
  if (answer.plain) return text::parse_mask_tags(answer.text, *answer.plain, place);
  return text::has_mask_tags(answer.text) ? text::parse_mask_tags(answer.text, place) : text::MarkedText{answer.text, {}};
}

class Importer {
 public:
  Importer(const ForeignFormat& format, std::string why, const ImportRules& rules) : rules_(rules) {
    out_.format = &format;
    out_.why = std::move(why);
  }

  void add(const PlacedRow& row) {
    try {
      const std::string id = convert(row);
      out_.lines.push_back(out_.ledger.record(id, "imported"));
      ++out_.imported;
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      skip({row.place, error.what()});
    }
  }
  void skip(const BadRow& row) {
    skipped_.push_back(out_.ledger.record(row.place, "skipped", row.reason));
    ++out_.reasons[plain_reason(row.reason, row.place)];
  }
  Imported done() {
    out_.lines.insert(out_.lines.end(), skipped_.begin(), skipped_.end());
    return std::move(out_);
  }

 private:
  /// Adds the pairs or questions of a row; returns the id of the first.
  std::string convert(const PlacedRow& row) {
    RowReader reader(row.json, row.place);
    ForeignRow foreign = out_.format->read(reader);
    make_relative(foreign.media);
    const Json extra = extra_of(reader, foreign, row.place);
    std::vector<Pair> pairs;
    std::vector<Question> questions;
    for (const ForeignItem& item : foreign.items) {
      if (item.rejected) {
        pairs.push_back(pair_of(item, foreign, extra, row.place));
      } else {
        questions.push_back(question_of(item, foreign, extra, row.place));
      }
    }
    return commit(foreign, std::move(pairs), std::move(questions));
  }

  /// Ids are given when the whole row is sound.
  std::string commit(const ForeignRow& row, std::vector<Pair> pairs, std::vector<Question> questions) {
    const std::string base = row.id.empty() ? hash_of(row) : row.id;
    if (row.id.empty()) note("ids made from the content");
    if (!row.system.empty()) note("system turns, kept as made.system and not shown to the model");
    std::string first;
    for (size_t i = 0; i < pairs.size() + questions.size(); ++i) {
      const std::string id = unique(row.items.size() > 1 ? base + "-" + std::to_string(i + 1) : base);
      if (i == 0) first = id;
      (i < pairs.size() ? pairs[i].id : questions[i - pairs.size()].id) = id;
    }
    for (Pair& pair : pairs) {
      const auto spans = pair.extra["made"]["spans"].get<std::string>();
      if (spans != "none") note("pairs marked by " + spans);
      if (pair.chosen.spans.empty() && pair.rejected.spans.empty()) note("pairs without a mark");
      out_.pairs.push_back(std::move(pair));
    }
    for (Question& question : questions) out_.questions.push_back(std::move(question));
    return first;
  }

  Pair pair_of(const ForeignItem& item, const ForeignRow& row, const Json& extra, const std::string& place) const {
    Pair pair;
    pair.id = "row";
    pair.media = row.media;
    pair.question = item.question;
    pair.chosen = side_of(item.chosen, place + ": chosen");
    pair.rejected = side_of(*item.rejected, place + ": rejected");
    pair.source = row.source;
    pair.extra = extra;
    if (pair.chosen.text == pair.rejected.text) bad_row(place, "chosen and rejected are the same text", "leave the row out");
    pair.extra["made"]["spans"] = mark(pair, item);
    return parse_pair(pair_json(pair), place);  // what is written is what training reads
  }

  /// Sets the marks of a pair and says where they come from.
  std::string mark(Pair& pair, const ForeignItem& item) const {
    const bool tags = text::has_mask_tags(item.chosen.text) || text::has_mask_tags(item.rejected->text);
    if (rules_.spans == "auto" && tags) return "tags";
    pair.chosen = {pair.chosen.text, {}};
    pair.rejected = {pair.rejected.text, {}};
    if (rules_.spans == "none") return "none";
    text::WordDifference words = text::differing_words(pair.chosen.text, pair.rejected.text);
    pair.chosen.spans = std::move(words.a);
    pair.rejected.spans = std::move(words.b);
    return "difference";
  }

  static Question question_of(const ForeignItem& item, const ForeignRow& row, const Json& extra, const std::string& place) {
    const text::MarkedText answer = side_of(item.chosen, place + ": answer");
    Question question;
    question.id = "row";
    question.media = row.media;
    question.question = item.question;
    question.answer = answer.text;
    question.format = format_of(answer.text);
    question.spans = answer.spans;
    question.extra = extra;
    if (!row.source.empty()) question.extra["source"] = row.source;
    return parse_question(question_json(question), place);
  }

  Json extra_of(const RowReader& reader, const ForeignRow& row, const std::string& place) const {
    Json extra = Json::object();
    Json made = {{"import", out_.format->name}, {"from", place.substr(place.find_last_of('/') + 1)}};
    if (!row.system.empty()) made["system"] = row.system;
    const Json rest = reader.rest();
    for (const auto& [key, value] : rest.items()) (is_ours(key) ? made["row"] : extra)[key] = value;
    extra["made"] = made;
    return extra;
  }

  void make_relative(Media& media) {
    const auto change = [this](std::string& path) {
      if (!std::filesystem::path(path).is_absolute()) return;
      const auto below = std::filesystem::path(path).lexically_relative(rules_.root);
      if (rules_.root.empty() || below.empty() || *below.begin() == "..") {
        note("absolute paths outside video_root, which training refuses");
      } else {
        path = below.string();
      }
    };
    if (!media.video.empty()) change(media.video);
    for (std::string& frame : media.frames) change(frame);
  }

  std::string unique(const std::string& base) {
    std::string id = base;
    int64_t& copies = copies_.try_emplace(base, 1).first->second;
    while (!ids_.insert(id).second) id = base + "-" + std::to_string(++copies);
    if (id != base) note("ids given anew because they occur twice");
    return id;
  }

  void note(const std::string& what) { ++out_.notes[what]; }

  ImportRules rules_;
  Imported out_;
  std::vector<Json> skipped_;
  std::set<std::string> ids_;
  std::map<std::string, int64_t> copies_;
};

[[noreturn]] void unknown_format(const std::string& file, const std::vector<PlacedRow>& rows) {
  std::vector<std::string> keys;
  if (!rows.empty() && rows.front().json.is_object()) {
    for (const auto& [key, value] : rows.front().json.items()) keys.push_back(printable(key, 40));
    if (keys.size() > 12) keys.resize(12);
  }
  throw Error(Fault::input, "data",
              file + ": no row is of a known format" + (keys.empty() ? "" : " (the first has " + join(keys) + ")"),
              "see the formats in rrpo-gen import --help");
}

/// The format of the first row that has one, or the one asked for.
std::pair<const ForeignFormat*, std::string> format_of_rows(const std::vector<PlacedRow>& rows, const std::string& file,
                                                            const std::string& wanted) {
  if (const ForeignFormat* format = find_row(foreign_formats(), wanted)) return {format, "format=" + wanted};
  for (const PlacedRow& row : rows) {
    if (!row.json.is_object()) continue;
    for (const ForeignFormat& format : foreign_formats()) {
      std::string why = format.why(row.json);
      if (!why.empty()) return {&format, row.place + " has " + why};
    }
  }
  unknown_format(file, rows);
}

}  // namespace

const std::vector<ForeignFormat>& foreign_formats() {
  static const std::vector<ForeignFormat> formats = {
      authors_format(), videochat2_format(), videochat2_questions_format(), ms_swift_format(), llama_factory_format(),
      alpaca_format(),  trl_format(),        conversations_format(),
  };
  return formats;
}

Imported import_rows(std::string_view text, const std::string& file, const ImportRules& rules) {
  std::vector<PlacedRow> rows;
  std::vector<BadRow> broken;
  each_row(text, file, &broken, [&](const Json& json, const std::string& place) { rows.push_back({json, place}); });
  const auto [format, why] = format_of_rows(rows, file, rules.format);
  Importer importer(*format, why, rules);
  for (const PlacedRow& row : rows) importer.add(row);
  for (const BadRow& row : broken) importer.skip(row);
  return importer.done();
}

}  // namespace rrpo::rows
