#include "rows.h"

namespace rrpo::rows {

/// Published sets stand before the general formats whose keys they share.
const std::vector<ForeignFormat>& foreign_formats() {
  static const std::vector<ForeignFormat> formats = {
      authors_format(),       videochat2_format(), videochat2_questions_format(), elv_halluc_format(), llava_hound_format(),
      mmpr_format(),          ms_swift_format(),   llama_factory_format(),        alpaca_format(),     trl_format(),
      conversations_format(),
  };
  return formats;
}

}  // namespace rrpo::rows
