// How long a text may be.
#pragma once

#include <cstdint>

#include "rrpo/policy/policy.h"

namespace rrpo::policy {

/// Tokens, visual ones too, that the model was made for (`max_position_embeddings`); 0 where its config.json does not say.
int64_t positions(const Policy& policy);

}  // namespace rrpo::policy
