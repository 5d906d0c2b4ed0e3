#include "entries.h"
#include "spacing.h"

namespace rrpo::video {

// LLaVA-NeXT's reader, and lmms-eval's where a fixed number is forced.
Sampler linspace_sampler() {
  return {.name = "linspace",
          .help = "int of linspace(0, n-1, F)",
          .pick = [](const Sequence& all, const SamplingFields& fields) { return spread(all.count, fields.frames); }};
}

}  // namespace rrpo::video
