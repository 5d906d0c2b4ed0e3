// VideoChat2's Q-Former: learned queries that look at a clip's features while they read a text (BERT, norms behind the
// sums).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../config_reader.h"
#include "../shapes.h"
#include "rrpo/model/vision.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// norm(x + out(attention)).
struct QformerAttention {
  Linear query, key, value, out;
  Norm norm;
};

/// norm(x + down(gelu(up(x)))).
struct QformerMlp {
  Linear up, down;
  Norm norm;
};

struct QformerLayer {
  QformerAttention self;                  ///< queries and text together
  std::optional<QformerAttention> cross;  ///< the queries look at the clip
  QformerMlp text, queries;               ///< each of the two has its own
};

struct Qformer {
  int64_t heads = 0;
  at::Tensor words;      ///< [V, D]
  at::Tensor positions;  ///< [most, D], of text only
  Norm norm;
  at::Tensor queries, extra_queries;  ///< [1, Q, D]
  std::vector<QformerLayer> layers;
  int64_t query_count() const { return queries.size(1) + extra_queries.size(1); }
};

/// The one that a `qformer_config` describes, looking at features of `seen` numbers.
Qformer make_qformer(const ConfigReader& config, int64_t seen, const Shapes& shapes);

/// Its tensors and its linears under the original's names.
void list_qformer(Listing& list, Qformer& qformer);
void each_qformer_linear(Qformer& qformer, const SeeLinear& see);

/// The queries [Q, D] after they have read `text` and seen `features` [N, Dv]. Throws Error(internal) for more ids than
/// there are positions, or ids outside the vocabulary.
at::Tensor run_qformer(const Qformer& qformer, const std::vector<int64_t>& text, const at::Tensor& features,
                       Adapter adapter);

/// What of its numbers changes its output, beside the weights.
Json qformer_json(const Qformer& qformer);
/// Forward cost over `features` rows, of a text of ordinary length.
VisionCost qformer_cost(const Qformer& qformer, int64_t features);

}  // namespace rrpo::model
