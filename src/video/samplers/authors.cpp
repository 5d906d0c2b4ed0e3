#include "entries.h"
#include "spacing.h"

namespace rrpo::video {

// The frame reader of LLaVA-Video in the authors' repository, of training and of most evaluations.
Sampler authors_sampler() {
  return {.name = "authors", .help = "int(n/F*i)", .pick = [](const Sequence& all, const SamplingFields& fields) {
            return floored(all.count, fields.frames);
          }};
}

}  // namespace rrpo::video
