#include "rrpo/gen/lens.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>

#include "pair_html.h"
#include "rrpo/report/html.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/text/official.h"
#include "rrpo/text/span.h"
#include "rrpo/util/compat.h"

namespace rrpo::gen {

namespace {

std::unique_ptr<text::Tokenizer> tokenizer_of(const ShowConfig& config) {
  return config.model.path.empty() ? nullptr : text::open_tokenizer(config.model.path);
}

/// Tokens whose mark differs: `also` marked by the authors' code, or `not`.
std::string differing_tokens(const text::MarkedText& side, const text::AnswerIds& official,
                             const text::Tokenizer& tokenizer) {
  const text::AnswerIds ours = text::encode_answer(tokenizer, side, 0);
  const std::vector<text::Token> tokens = tokenizer.encode(side.text);
  std::string also, without;
  for (size_t i = 0; i < tokens.size() && i < official.phrase.size(); ++i) {
    if ((ours.phrase[i] > 0) == (official.phrase[i] > 0)) continue;
    const auto begin = static_cast<size_t>(tokens[i].bytes.begin), end = static_cast<size_t>(tokens[i].bytes.end);
    (official.phrase[i] > 0 ? also : without) += " \"" + printable(side.text.substr(begin, end - begin)) + "\"";
  }
  if (also.empty() && without.empty()) return "the same marks";
  return (also.empty() ? "" : "also" + also) + (also.empty() || without.empty() ? "" : ", ") +
         (without.empty() ? "" : "not" + without);
}

std::string official_line(const ShowConfig& config, const rows::Pair& pair, const text::Tokenizer* tokenizer) {
  if (!is_official(config.compat) || tokenizer == nullptr) return "";
  try {
    return official_difference(pair, *tokenizer);
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    return std::string("not reproduced: ") + error.what();
  }
}

std::string bracketed(const text::MarkedText& side, const text::Tokenizer* tokenizer, const char* colour) {
  std::string out;
  int64_t at = 0;
  const auto piece = [&](int64_t begin, int64_t end) {
    return printable(side.text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                     side.text.size() * 4 + 4);
  };
  for (const auto& [begin, end] : marked_bytes(side, tokenizer)) {
    out += piece(at, begin) + colour + "[" + piece(begin, end) + "]" + (*colour == 0 ? "" : "\x1b[0m");
    at = end;
  }
  return out + piece(at, static_cast<int64_t>(side.text.size()));
}

/// A clip beside the pair's own, as its row names it.
std::string view_line(const rows::View& view, const rows::Media& own) {
  return printable(json_line(rows::view_json(view, own)), 1000);
}

}  // namespace

std::vector<text::ByteRange> marked_bytes(const text::MarkedText& marked, const text::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return marked.spans;
  const text::AnswerIds answer = text::encode_answer(*tokenizer, marked, 0);
  const std::vector<text::Token> tokens = tokenizer->encode(marked.text);
  std::vector<text::ByteRange> ranges;
  for (size_t i = 0; i < tokens.size() && i < answer.phrase.size(); ++i) {
    // A byte range may be empty, or shared by tokens of one character.
    text::ByteRange bytes = tokens[i].bytes;
    while (bytes.begin < bytes.end && marked.text[static_cast<size_t>(bytes.begin)] == ' ') ++bytes.begin;
    if (answer.phrase[i] == 0 || bytes.begin >= bytes.end) continue;
    if (!ranges.empty() && bytes.begin < ranges.back().end) {
      ranges.back().end = std::max(ranges.back().end, bytes.end);
    } else {
      ranges.push_back(bytes);
    }
  }
  return ranges;
}

std::string official_difference(const rows::Pair& pair, const text::Tokenizer& tokenizer) {
  text::AnswerIds chosen, rejected;
  for (const auto& [name, side, ids] :
       {std::tuple("chosen", &pair.chosen, &chosen), {"rejected", &pair.rejected, &rejected}}) {
    const text::OfficialAnswer official = text::official_answer(tokenizer, *side, pair.id + ": " + name);
    if (!official.unmarked.empty())
      return "dropped by the official code because of " + std::string(name) + ": " + official.unmarked;
    *ids = official.answer;
  }
  return "chosen: " + differing_tokens(pair.chosen, chosen, tokenizer) +
         "; rejected: " + differing_tokens(pair.rejected, rejected, tokenizer);
}

std::vector<size_t> spread_places(size_t total, int64_t count) {
  std::vector<size_t> out;
  const auto last = static_cast<int64_t>(total) - 1;
  if (last < count) {
    for (size_t i = 0; i < total; ++i) out.push_back(i);
    return out;
  }
  // One of each part of the file, at a place inside the part that varies: every n-th row would often be of one type.
  for (int64_t i = 0; i < count; ++i) {
    const double place = static_cast<double>(i) * 0.6180339887498949;
    const double at =
        (static_cast<double>(i) + place - std::floor(place)) * static_cast<double>(total) / static_cast<double>(count);
    out.push_back(static_cast<size_t>(std::min(last, static_cast<int64_t>(at))));
  }
  return out;
}

std::vector<rows::Pair> spread(const std::vector<rows::Pair>& pairs, int64_t count) {
  std::vector<rows::Pair> out;
  for (const size_t i : spread_places(pairs.size(), count)) out.push_back(pairs[i]);
  return out;
}

std::string lens_page(const ShowConfig& config, const std::filesystem::path& file, const std::vector<rows::Pair>& pairs) {
  const std::unique_ptr<text::Tokenizer> tokenizer = tokenizer_of(config);
  const std::filesystem::path root = config.video_root.empty() ? file.parent_path() : config.video_root;
  const std::vector<rows::Pair> shown = spread(pairs, config.count);
  report::Page page("Preference pairs", file.filename().string());
  page.paragraph(std::to_string(shown.size()) + " of " + report::grouped(static_cast<int64_t>(pairs.size())) +
                 " pairs. Coloured: the marked tokens, which the phrase reward reads.");
  for (const rows::Pair& pair : shown) {
    page.section(pair.id)
        .add(answers_html(pair, tokenizer.get(), official_line(config, pair, tokenizer.get())))
        .add(pair_frames_html({root, config.video, config.columns}, pair));
  }
  return page.html();
}

std::string lens_text(const ShowConfig& config, const std::vector<rows::Pair>& pairs, bool colour) {
  const std::unique_ptr<text::Tokenizer> tokenizer = tokenizer_of(config);
  std::string out;
  for (const rows::Pair& pair : spread(pairs, config.count)) {
    out += printable(pair.id) + "\n  question  " + printable(pair.question, 1000) + "\n  chosen    " +
           bracketed(pair.chosen, tokenizer.get(), colour ? "\x1b[32m" : "") + "\n  rejected  " +
           bracketed(pair.rejected, tokenizer.get(), colour ? "\x1b[31m" : "") + "\n";
    if (pair.other) out += "  other     " + view_line(*pair.other, pair.media) + "\n";
    if (pair.other_chosen)
      out += "  there     " + bracketed(*pair.other_chosen, tokenizer.get(), colour ? "\x1b[32m" : "") + "\n";
    if (pair.reference) out += "  reference " + view_line(*pair.reference, pair.media) + "\n";
    const std::string official = official_line(config, pair, tokenizer.get());
    if (!official.empty()) out += "  official  " + official + "\n";
  }
  return out;
}

}  // namespace rrpo::gen
