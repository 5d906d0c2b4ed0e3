#include "growth.h"

#include <ATen/ops/arange.h>

#include <algorithm>
#include <limits>

#include "attention/plan.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Branches [begin, end) as one part of the plan.
struct Neighbours {
  size_t begin, end;
};

/// Neighbours of equal length that grow by one token each, where these are few; else all branches.
std::vector<Neighbours> cut(const std::vector<int64_t>& lengths, const std::vector<int64_t>& counts, int64_t most) {
  const std::vector<Neighbours> whole = {{0, lengths.size()}};
  if (std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count != 1; })) return whole;
  std::vector<Neighbours> parts;
  for (size_t k = 0; k < lengths.size(); ++k) {
    if (parts.empty() || lengths[k] != lengths[k - 1]) parts.push_back({k, k});
    parts.back().end = k + 1;
  }
  return static_cast<int64_t>(parts.size()) <= most ? parts : whole;
}

/// Hides from each query [B * L] the keys from `seen` on.
at::Tensor mask_of(const std::vector<int64_t>& seen, const OwnPart& part, const GrowingDecoder& decoder) {
  const at::ScalarType wide = decoder.type == at::kDouble ? at::kDouble : at::kFloat;
  check_mask(part.branches, part.longest, part.reach, wide == at::kDouble ? 8 : 4);
  const at::Tensor limit = index_tensor(seen, decoder.device).view({part.branches, 1, part.longest, 1});
  const at::Tensor unseen = at::arange(part.reach, limit.options()).ge(limit);
  return unseen.new_zeros(unseen.sizes(), unseen.options().dtype(wide))
      .masked_fill_(unseen, -std::numeric_limits<double>::infinity());
}

OwnPart own_part(const Neighbours& who, int64_t row, const std::vector<int64_t>& lengths, const std::vector<int64_t>& counts,
                 const GrowingDecoder& decoder) {
  const auto branches = static_cast<int64_t>(who.end - who.begin);
  OwnPart part{static_cast<int64_t>(who.begin), branches, row, 0, 0, 0, {}, {}, {}};
  for (size_t k = who.begin; k < who.end; ++k) {
    part.rows += counts[k];
    part.longest = std::max(part.longest, counts[k]);
    if (counts[k] > 0) part.reach = std::max(part.reach, lengths[k] + counts[k]);
  }
  std::vector<int64_t> real, padded(static_cast<size_t>(branches * part.longest), 0);
  std::vector<int64_t> seen(padded.size(), 1);  // a padded query looks at one key, so that its softmax is finite
  for (size_t k = who.begin; k < who.end; ++k) {
    for (int64_t i = 0; i < counts[k]; ++i) {
      const auto at = (k - who.begin) * static_cast<size_t>(part.longest) + static_cast<size_t>(i);
      padded[at] = static_cast<int64_t>(real.size());
      seen[at] = lengths[k] + i + 1;
      real.push_back(static_cast<int64_t>(at));
    }
  }
  if (std::any_of(seen.begin(), seen.end(), [&](int64_t keys) { return keys < part.reach; }))
    part.mask = mask_of(seen, part, decoder);
  if (real.size() == padded.size()) return part;
  part.padded = index_tensor(padded, decoder.device);
  part.real = index_tensor(real, decoder.device);
  return part;
}

/// Rows of the table of angles: one alone is a view of it.
Rotary pick_angles(const Rotary& table, const std::vector<int64_t>& rows, at::Device device) {
  if (rows.size() == 1) return {table.cos.narrow(0, rows.front(), 1), table.sin.narrow(0, rows.front(), 1)};
  const at::Tensor index = index_tensor(rows, device);
  return {table.cos.index_select(0, index), table.sin.index_select(0, index)};
}

bool all_equal(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [&](int64_t value) { return value == values.front(); });
}

}  // namespace

Growth plan_growth(const Branches& branches, const std::vector<int64_t>& lengths, const std::vector<int64_t>& counts,
                   int64_t most_parts) {
  const GrowingDecoder& decoder = *branches.decoder;
  Growth growth{.counts = counts};
  std::vector<int64_t> place, angle, last, first_row;
  size_t k = 0;
  for (size_t s = 0; s < branches.stems.size(); ++s) {
    const int64_t begin = growth.rows;
    for (int64_t b = 0; b < branches.stems[s].branches; ++b, ++k) {
      expect(lengths[k] + counts[k] <= decoder.capacity, "a branch longer than its room");
      first_row.push_back(growth.rows);
      for (int64_t at = lengths[k]; at < lengths[k] + counts[k]; ++at) {
        place.push_back(static_cast<int64_t>(k) * decoder.capacity + at);
        angle.push_back(static_cast<int64_t>(s) * decoder.capacity + at);
      }
      growth.rows += counts[k];
      if (counts[k] == 0) continue;
      last.push_back(growth.rows - 1);
      growth.growing.push_back(static_cast<int64_t>(k));
    }
    if (growth.rows > begin) growth.prefixes.push_back({branches.stems[s].prefix, begin, growth.rows - begin});
  }
  if (growth.rows == 0) return growth;
  growth.angles = pick_angles(decoder.angles, angle, decoder.device);
  growth.slot = lengths.front();
  if (!all_equal(lengths) || !all_equal(counts)) growth.place = index_tensor(place, decoder.device);
  if (static_cast<int64_t>(last.size()) < growth.rows) growth.last = index_tensor(last, decoder.device);
  for (const Neighbours& who : cut(lengths, counts, most_parts))
    growth.own.push_back(own_part(who, first_row[who.begin], lengths, counts, decoder));
  return growth;
}

}  // namespace rrpo::model
