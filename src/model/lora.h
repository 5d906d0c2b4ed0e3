// The linears that an adapter may sit on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "rrpo/model/weights.h"

namespace rrpo::model {

struct NamedLinear {
  std::string module;  ///< canonical path
  Linear* linear = nullptr;
  Part part = Part::decoder;
};

/// The eye's first, then the decoder's. Left out: one without weights, of a module that the checkpoint does not have.
std::vector<NamedLinear> named_linears(Weights& weights);

/// How the matrices of the decoder's layers are held, by the names of their weights.
std::map<std::string, Frozen*> decoder_matrices(Weights& weights);

/// W + scale * B A, in float32 (float64 in double), on the device of W.
at::Tensor with_lora(const at::Tensor& weight, const Lora& lora);

/// The last part of a name.
std::string leaf(const std::string& name);

/// For a person.
const char* part_name(Part part);

}  // namespace rrpo::model
