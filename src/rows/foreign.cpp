#include "rrpo/rows/foreign.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "csv.h"
#include "formats/clean.h"
#include "formats/parts.h"
#include "formats/question_form.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/text/diff.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"

namespace rrpo::rows {
namespace {

/// Keys that have a meaning in our rows: what another program means by them goes to `made.row`.
bool is_ours(const std::string& key) {
  static const std::set<std::string> keys = {
      "schema", "id",     "video",    "frames", "clip",         "frame_indices", "question", "chosen",
      "answer", "source", "weight",   "made",   "spans",        "format",        "options",  "slots",
      "style",  "tags",   "rejected", "other",  "other_chosen", "other_answer",  "reference"};
  return keys.contains(key);
}

/// A fault without the file, the line and what to do: what counts as the same reason.
std::string plain_reason(std::string what, const std::string& place) {
  const std::string head = "data: " + place + ": ";
  if (what.starts_with(head)) what.erase(0, head.size());
  return what.substr(0, what.find("; fix: "));
}

std::string hash_of(const ForeignRow& row, const Media& media) {
  std::string content = media.key();
  for (const ForeignItem& item : row.items) {
    content += "\n" + item.question + "\n" + item.chosen.text + "\n" + (item.rejected ? item.rejected->text : "");
  }
  char out[20];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash64(content)));
  return out;
}

text::MarkedText side_of(const ForeignAnswer& answer, const std::string& place) {
  if (answer.plain) return text::parse_mask_tags(answer.text, *answer.plain, place);
  return text::has_mask_tags(answer.text) ? text::parse_mask_tags(answer.text, place) : text::MarkedText{answer.text, {}};
}

/// The format that a row shows, and what shows it; the one asked for where one is.
const ForeignFormat& format_of(const Json& row, const std::string& wanted, const std::string& place, std::string& why) {
  if (const ForeignFormat* format = find_row(foreign_formats(), wanted)) {
    why = "format=" + wanted;
    return *format;
  }
  if (!row.is_object()) bad_row(place, "the row is no JSON object", "write {…}");
  for (const ForeignFormat& format : foreign_formats()) {
    const std::string shown = format.why(row);
    if (shown.empty()) continue;
    why = place + " has " + shown;
    return format;
  }
  const std::string rejected = rejected_key(row);
  if (!rejected.empty()) bad_row(place, "has " + rejected + ", and is no pair of a known format", "see import --help");
  bad_row(place, "is of no known format" + keys_of(row), "see import --help");
}

class Importer {
 public:
  explicit Importer(const ImportRules& rules) : rules_(rules) {}

  void add(const Json& row, const std::string& place) {
    try {
      const std::string id = convert(row, place);
      out_.lines.push_back(out_.ledger.record(id, "imported"));
      ++out_.imported;
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      skip({place, error.what()});
    }
  }
  void skip(const BadRow& row) {
    skipped_.push_back(out_.ledger.record(row.place, "skipped", row.reason));
    const std::string reason = plain_reason(row.reason, row.place);
    ++out_.reasons[reason];
    out_.places.try_emplace(reason, row.place);
  }
  Imported done() {
    out_.lines.insert(out_.lines.end(), skipped_.begin(), skipped_.end());
    return std::move(out_);
  }
  /// True when a row showed a format, were it usable or not.
  bool knows_any() const { return out_.format != nullptr; }
  void note(const std::string& what, int64_t count = 1) { out_.notes[what] += count; }

 private:
  const ForeignFormat& recognised(const Json& row, const std::string& place) {
    std::string why;
    const ForeignFormat& format = format_of(row, rules_.format, place, why);
    if (out_.format == nullptr) {
      out_.format = &format;
      out_.why = why;
    }
    ++out_.formats[format.name];
    return format;
  }

  /// Adds the pairs or questions of a row; returns the id of the first.
  std::string convert(const Json& json, const std::string& place) {
    const ForeignFormat& format = recognised(json, place);
    RowReader reader(json, place);
    ForeignRow foreign = format.read(reader);
    for (ForeignItem& item : foreign.items) clean(item, foreign, reader);
    const Media media = media_of(foreign.media, reader);
    const Json extra = extra_of(reader, foreign, format, place);
    std::vector<Pair> pairs;
    std::vector<Question> questions;
    for (const ForeignItem& item : foreign.items) {
      if (item.rejected) {
        pairs.push_back(pair_of(item, foreign, media, extra, place));
      } else {
        questions.push_back(question_of(item, foreign, media, extra, place));
      }
    }
    return commit(foreign, media, std::move(pairs), std::move(questions));
  }

  /// The one video or the pictures of a row.
  Media media_of(ForeignMedia& named, const RowReader& row) {
    if (named.videos.empty() && named.frames.empty()) bad_row(row.place(), "has neither video nor pictures", "name one");
    if (!named.videos.empty() && !named.frames.empty()) bad_row(row.place(), "has a video and pictures", "keep one of them");
    if (named.videos.size() > 1)
      bad_row(row.place(), "has " + std::to_string(named.videos.size()) + " videos", "a row has one");
    Media media;
    media.frames = named.frames;
    if (!named.videos.empty()) {
      media.video = named.videos.front();
      media.start_s = named.start_s;
      media.end_s = named.end_s;
      list_folder(media, rules_.root, row, named.notes);
    }
    if (media.video.empty() && (named.start_s || named.end_s))
      bad_row(row.place(), "names a part of a video, and has pictures", "list the pictures of that part");
    make_relative(media, named.notes);
    return media;
  }

  /// Ids are given when the whole row is sound.
  std::string commit(const ForeignRow& row, const Media& media, std::vector<Pair> pairs, std::vector<Question> questions) {
    const std::string base = row.id.empty() ? hash_of(row, media) : row.id;
    if (row.id.empty()) note("ids made from the content");
    if (!row.system.empty()) note("system turns, kept as made.system and not shown to the model");
    if (pairs.size() > 1) note("rows with several rejected answers or questions, one pair each");
    for (const std::string& what : row.media.notes) note(what);
    for (const std::string& key : row.media.unused) note(unused_note(key));
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
    for (Question& question : questions) {
      note("questions of format " + question.format);
      out_.questions.push_back(std::move(question));
    }
    return first;
  }

  Pair pair_of(const ForeignItem& item, const ForeignRow& row, const Media& media, const Json& extra,
               const std::string& place) const {
    Pair pair;
    pair.id = "row";
    pair.media = media;
    pair.question = item.question;
    pair.chosen = side_of(item.chosen, place + ": chosen");
    pair.rejected = side_of(*item.rejected, place + ": rejected");
    pair.source = source_of(row);
    pair.extra = extra;
    if (pair.chosen.text == pair.rejected.text) bad_row(place, "chosen and rejected are the same text", "leave the row out");
    pair.extra["made"]["spans"] = mark(pair, item);
    return parse_pair(pair_json(pair), place);  // what is written is what training reads
  }

  std::string source_of(const ForeignRow& row) const {
    if (!row.source.empty() || !rules_.source.empty()) return row.source.empty() ? rules_.source : row.source;
    const ForeignFormat* named = find_row(foreign_formats(), rules_.format);
    return named != nullptr && named->set ? named->name : "";
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

  Question question_of(const ForeignItem& item, const ForeignRow& row, const Media& media, const Json& extra,
                       const std::string& place) const {
    const text::MarkedText answer = side_of(item.chosen, place + ": answer");
    Question question;
    question.id = "row";
    question.media = media;
    question.question = item.question;
    question.answer = answer.text;
    set_form(question);
    question.spans = answer.spans;
    question.extra = extra;
    if (const std::string source = source_of(row); !source.empty()) question.extra["source"] = source;
    return parse_question(question_json(question), place);
  }

  /// What the row holds beyond what was read; what our rows mean by a name goes to `made.row`.
  static Json extra_of(const RowReader& reader, ForeignRow& row, const ForeignFormat& format, const std::string& place) {
    Json extra = Json::object();
    Json made = {{"import", format.name}, {"from", place.substr(place.find_last_of('/') + 1)}};
    if (!row.system.empty()) made["system"] = row.system;
    const Json rest = reader.rest();
    for (const auto& [key, value] : rest.items()) (is_ours(key) ? made["row"] : extra)[key] = value;
    for (const std::string& key : unused_keys(rest)) row.media.unused.insert(key);
    if (holds_no_number(rest))
      row.media.notes.insert("rows with NaN or Infinity under a key that is not used, written as null");
    extra["made"] = made;
    return extra;
  }

  void make_relative(Media& media, std::set<std::string>& notes) const {
    const auto change = [&](std::string& path) {
      if (!std::filesystem::path(path).is_absolute()) return;
      const auto below = std::filesystem::path(path).lexically_relative(rules_.root);
      if (rules_.root.empty() || below.empty() || *below.begin() == "..") {
        notes.insert("absolute paths outside video_root, which training refuses");
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

  ImportRules rules_;
  Imported out_;
  std::vector<Json> skipped_;
  std::set<std::string> ids_;
  std::map<std::string, int64_t> copies_;
};

}  // namespace

Imported import_rows(std::string_view text, const std::string& file, const ImportRules& rules) {
  Importer importer(rules);
  std::vector<BadRow> broken;
  std::string keys;
  const auto add = [&](const Json& json, const std::string& place) {
    if (keys.empty()) keys = keys_of(json);
    importer.add(json, place);
  };
  if (file.ends_with(".csv")) {
    each_csv_row(text, file, broken, add);
  } else {
    each_row(text, file, &broken, add);
  }
  for (const BadRow& row : broken) importer.skip(row);
  if (!importer.knows_any()) {
    const std::string cause = broken.empty() ? "" : "; " + plain_reason(broken.front().reason, broken.front().place);
    throw Error(Fault::input, "data", file + ": no row is of a known format" + (keys.empty() ? cause : keys),
                "see the formats in rrpo-gen import --help");
  }
  return importer.done();
}

Imported import_row(const Json& row, const std::string& place, const ImportRules& rules) {
  Importer importer(rules);
  importer.add(row, place);
  return importer.done();
}

}  // namespace rrpo::rows
