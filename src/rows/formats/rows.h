// One function per format of foreign rows; each file here is one of them.
#pragma once

#include "rrpo/rows/foreign.h"

namespace rrpo::rows {

ForeignFormat authors_format();
ForeignFormat videochat2_format();
ForeignFormat videochat2_questions_format();
ForeignFormat ms_swift_format();
ForeignFormat llama_factory_format();
ForeignFormat alpaca_format();
ForeignFormat trl_format();
ForeignFormat conversations_format();

}  // namespace rrpo::rows
