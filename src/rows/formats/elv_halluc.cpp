#include <algorithm>
#include <array>

#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

/// Every question of the set begins so (arXiv 2508.21496, section on DPO).
constexpr std::string_view kQuestion = "Please provide a detailed caption for this segment during";

/// The containers of pairs in which the set may be stored: its file was not seen, its question is known.
const ForeignFormat* container_of(const Json& row) {
  static const std::array formats = {llava_hound_format(), ms_swift_format(), llama_factory_format(), alpaca_format(),
                                     trl_format()};
  const auto* found = std::find_if(formats.begin(), formats.end(), [&](const auto& f) { return !f.why(row).empty(); });
  return found == formats.end() ? nullptr : found;
}

bool holds_question(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().find(kQuestion) != std::string::npos;
  return value.is_structured() && std::any_of(value.begin(), value.end(), holds_question);
}

std::string why(const Json& row) {
  const ForeignFormat* container = container_of(row);
  return container != nullptr && holds_question(row) ? container->why(row) + ", and ELV-Halluc's question" : "";
}

ForeignRow read(RowReader& row) {
  const Json whole = row.rest();  // nothing is taken yet
  const ForeignFormat* container = container_of(whole);
  if (container == nullptr) bad_row(row.place(), "is no pair of a known format" + keys_of(whole), "see import --help");
  ForeignRow out = container->read(row);
  out.media.notes.insert("rows in the form of " + container->name);
  out.media.notes.insert("rows whose question names a segment of the video (mm:ss): the whole video is shown");
  return out;
}

}  // namespace

ForeignFormat elv_halluc_format() {
  return {"elv_halluc", "ELV-Halluc's captions, by their question, as ms_swift, llama_factory, alpaca or trl have them",
          true,         why,
          read,         /*set=*/true};
}

}  // namespace rrpo::rows
