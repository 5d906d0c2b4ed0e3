#include "rrpo/rows/pair.h"

#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"

namespace rrpo::rows {
namespace {

constexpr const char* kSchema = "rrpo/pair@1";

std::string slice(const std::string& text, const text::ByteRange& span) {
  return text.substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.end - span.begin));
}

Json slices(const text::MarkedText& marked) {
  Json out = Json::array();
  for (const text::ByteRange& span : marked.spans) out.push_back(slice(marked.text, span));
  return out;
}

/// One side of our row; what we do not know of it goes to `extra[side]`.
text::MarkedText read_side(RowReader& row, const std::string& side, Json& extra) {
  RowReader reader(row.need(side), row.place(), side);
  text::MarkedText out;
  out.text = reader.prose("text");
  out.spans = reader.ranges("spans");
  const std::string at = std::string(row.place()) + ": " + side;
  text::check_spans(out, at);
  if (const std::string tagged = reader.text_or("tagged", ""); !tagged.empty()) {
    const text::MarkedText parsed = text::parse_mask_tags(tagged, out.text, at + ".tagged");
    if (parsed.spans != out.spans) reader.fail("tagged", "marks other phrases than spans", "keep one of them");
    out.tagged = parsed.tagged;
  }
  Json rest = reader.rest();
  if (rest.contains("phrases") && rest["phrases"] != slices(out)) {
    reader.fail("phrases", "are not the texts that spans cut out", "make each phrase equal to its slice, or remove phrases");
  }
  if (!rest.empty()) extra[side] = rest;
  return out;
}

Json side_json(const text::MarkedText& marked, const Json& extra, const char* side) {
  Json out = {{"text", marked.text}, {"spans", Json::array()}};
  for (const text::ByteRange& span : marked.spans) out["spans"].push_back(range_json(span));
  if (!marked.tagged.empty()) out["tagged"] = marked.tagged;
  if (!extra.contains(side)) return out;
  for (const auto& [key, value] : extra[side].items()) out[key] = key == "phrases" ? slices(marked) : value;
  return out;
}

Pair parse_ours(const Json& json, std::string_view place) {
  RowReader row(json, place);
  if (row.text_or("schema", kSchema) != kSchema) row.fail("schema", "is not rrpo/pair@1", "convert the file");
  Pair pair;
  pair.id = row.id("id");
  pair.media = read_media(row);
  pair.question = row.prose("question");
  Json sides = Json::object();
  pair.chosen = read_side(row, "chosen", sides);
  pair.rejected = read_side(row, "rejected", sides);
  pair.other = read_view(row, "other", pair.media);
  if (row.has("other_chosen")) pair.other_chosen = read_side(row, "other_chosen", sides);
  if (pair.other_chosen && !pair.other) row.fail("other_chosen", "is an answer about no clip", "give other, the clip");
  pair.reference = read_view(row, "reference", pair.media);
  pair.weight = row.number("weight").value_or(1);
  if (pair.weight < 0) row.fail("weight", "is negative", "give 0 or more");
  pair.source = row.text_or("source", "");
  pair.extra = row.rest();
  for (const auto& [side, rest] : sides.items()) pair.extra[side] = rest;
  return pair;
}

/// The authors' question names the place of the video by `<image>` on its own first line.
std::string authors_question(RowReader& row) {
  constexpr std::string_view kImage = "<image>";
  std::string question = row.text("question");
  if (question.starts_with("<image>\n")) question.erase(0, kImage.size() + 1);
  if (question.find(kImage) != std::string::npos)
    row.fail("question", "has an <image> that is not its first line", "put it first, once");
  if (question.empty()) row.fail("question", "asks nothing", "write the question after <image>");
  row.refuse_markup("question", question);
  return question;
}

std::string authors_video(RowReader& row) {
  const std::string video = row.text_or("video", ""), path = row.text_or("media_path", "");
  if (video.empty() && path.empty()) bad_row(row.place(), "video and media_path are missing", "add one of them");
  if (!video.empty() && !path.empty() && video != path) row.fail("media_path", "differs from video", "keep one of them");
  return path.empty() ? video : path;
}

text::MarkedText authors_side(RowReader& row, const std::string& key) {
  const std::string plain = row.prose(key), masked = row.text_or(key + "_masked", "");
  if (masked.empty()) return {plain, {}};
  return text::parse_mask_tags(masked, plain, std::string(row.place()) + ": " + row.path(key + "_masked"));
}

Pair parse_authors(const Json& json, std::string_view place) {
  RowReader row(json, place);
  Pair pair;
  pair.id = row.id("sample_id");
  pair.media.video = authors_video(row);
  pair.question = authors_question(row);
  pair.chosen = authors_side(row, "answer");
  pair.rejected = authors_side(row, "pred");
  pair.source = row.text_or("src", "");
  pair.extra = row.rest();
  return pair;
}

}  // namespace

Pair parse_pair(const Json& row, std::string_view place) {
  const bool authors = row.is_object() && row.contains("pred") && !row.contains("rejected");
  Pair pair = authors ? parse_authors(row, place) : parse_ours(row, place);
  pair.place = place;
  return pair;
}

Json pair_json(const Pair& pair) {
  Json out = {{"schema", kSchema}, {"id", pair.id}};
  write_media(pair.media, out);
  out["question"] = pair.question;
  out["chosen"] = side_json(pair.chosen, pair.extra, "chosen");
  out["rejected"] = side_json(pair.rejected, pair.extra, "rejected");
  if (pair.other) out["other"] = view_json(*pair.other, pair.media);
  if (pair.other_chosen) out["other_chosen"] = side_json(*pair.other_chosen, pair.extra, "other_chosen");
  if (pair.reference) out["reference"] = view_json(*pair.reference, pair.media);
  if (!pair.source.empty()) out["source"] = pair.source;
  if (pair.weight != 1) out["weight"] = pair.weight;
  for (const auto& [key, value] : pair.extra.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  return out;
}

std::vector<Pair> read_pairs(const std::filesystem::path& file, std::vector<BadRow>* bad) {
  std::vector<Pair> pairs = read_rows(file, bad, parse_pair);
  tell_unused(file, pairs);
  return pairs;
}

}  // namespace rrpo::rows
