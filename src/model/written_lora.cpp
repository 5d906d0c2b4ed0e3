#include "written_lora.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "lora.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const std::string kWeight = ".weight";

/// The original's module that `module` is one part of; empty: none.
std::string whole_of(const Weights& weights, const Family& family, const std::string& module) {
  const auto found = weights.stacked.find(module + kWeight);
  if (!family.own_modules || found == weights.stacked.end() || !found->second.ends_with(kWeight)) return "";
  return found->second.substr(0, found->second.size() - kWeight.size());
}

bool same(const Lora& a, const Lora& b) { return b.a.defined() && a.scale == b.scale && a.a.equal(b.a); }

/// One adapter of the parts' outputs below each other.
Lora joined(const std::vector<Linear*>& parts) {
  const auto carries = [](const Linear* part) { return part->lora.a.defined(); };
  const Lora& first = (*std::find_if(parts.begin(), parts.end(), carries))->lora;
  std::vector<at::Tensor> a, b;
  int64_t rows = 0, rank = 0;
  for (const Linear* part : parts) {
    rows += part->weight.size(0);
    if (!carries(part)) continue;
    a.push_back(part->lora.a.detach());
    b.push_back(part->lora.b.detach());
    rank += part->lora.a.size(0);
  }
  if (std::all_of(parts.begin(), parts.end(), [&first](const Linear* part) { return same(first, part->lora); }))
    return {a.front(), at::cat(b), first.scale};
  const at::Tensor blocks = at::zeros({rows, rank}, b.front().options());
  int64_t row = 0, column = 0;
  for (const Linear* part : parts) {
    const int64_t height = part->weight.size(0);
    if (carries(part)) {
      const int64_t width = part->lora.a.size(0);
      blocks.narrow(0, row, height)
          .narrow(1, column, width)
          .copy_(part->lora.b.detach().mul(part->lora.scale / first.scale));
      column += width;
    }
    row += height;
  }
  return {at::cat(a), blocks, first.scale};
}

}  // namespace

std::vector<WrittenLora> written_loras(Weights& weights, const Family& family) {
  const at::NoGradGuard no_grad;
  std::map<std::string, Linear*> by_module;
  const std::vector<NamedLinear> linears = named_linears(weights);
  for (const NamedLinear& one : linears) by_module.emplace(one.module, one.linear);
  std::vector<WrittenLora> written;
  for (const NamedLinear& one : linears) {
    const std::string whole = whole_of(weights, family, one.module);
    if (whole.empty()) {
      if (one.linear->lora.a.defined()) written.push_back({module_name(family, one.module), one.linear->lora});
      continue;
    }
    std::vector<Linear*> parts;
    std::string first;  // of those with an adapter: all are written when its turn comes
    for (const std::string& name : canonical_names(family, whole + kWeight)) {
      const std::string module = name.substr(0, name.size() - kWeight.size());
      parts.push_back(by_module.at(module));
      if (first.empty() && parts.back()->lora.a.defined()) first = module;
    }
    if (first == one.module) written.push_back({whole, joined(parts)});
  }
  return written;
}

}  // namespace rrpo::model
