// One function per format of foreign rows; each file here is one of them, and all.cpp is their table.
#pragma once

#include "rrpo/rows/foreign.h"

namespace rrpo::rows {

ForeignFormat authors_format();
ForeignFormat videochat2_format();
ForeignFormat videochat2_questions_format();
ForeignFormat elv_halluc_format();
ForeignFormat llava_hound_format();
ForeignFormat mmpr_format();
ForeignFormat ms_swift_format();
ForeignFormat llama_factory_format();
ForeignFormat alpaca_format();
ForeignFormat trl_format();
ForeignFormat conversations_format();

}  // namespace rrpo::rows
