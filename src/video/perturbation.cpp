#include "rrpo/video/perturbation.h"

#include "perturbations/entries.h"
#include "rrpo/util/table.h"

namespace rrpo::video {

const std::vector<Perturbation>& perturbations() {
  static const std::vector<Perturbation> rows = {
      mask_row(), shuffle_local_row(), shuffle_global_row(), reverse_row(), drop_row(), blank_row(),
  };
  return rows;
}

std::vector<PerturbStep> parse_perturbations(const Json& list, const std::string& at) {
  if (!list.is_array()) bad_field(at, "must be a list", "[{\"name\": \"mask\"}, {\"name\": \"shuffle_local\"}]");
  std::vector<PerturbStep> steps;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string place = at + "[" + std::to_string(i) + "]";
    const Json entry = list[i].is_string() ? Json{{"name", list[i]}} : list[i];
    field::require_object(entry, place);
    if (!entry.contains("name") || !entry.at("name").is_string()) {
      bad_field(place + ".name", "is missing", "one of: " + join(row_names(perturbations())));
    }
    const auto name = entry.at("name").get<std::string>();
    check_choice(place + ".name", name, row_names(perturbations()));
    steps.push_back(find_row(perturbations(), name)->parse(entry, place));
  }
  return steps;
}

std::vector<PerturbStep> row_perturbations(const Json& list, const std::string& at) {
  try {
    return parse_perturbations(list, at);
  } catch (const Error& error) {
    if (error.fault() != Fault::usage) throw;
    const std::string_view what = error.what(), head = "config: ", mark = "; fix: ";
    const size_t fix = std::min(what.rfind(mark), what.size());
    const size_t begin = what.starts_with(head) ? head.size() : 0;
    throw Error(Fault::input, "data", what.substr(begin, fix - begin),
                fix == what.size() ? "" : what.substr(fix + mark.size()));
  }
}

Frames reordered(const Frames& frames, const std::vector<int64_t>& order) {
  expect(static_cast<int64_t>(order.size()) == frames.count, "an order fills every place");
  Frames out = frames;
  for (int64_t i = 0; i < frames.count; ++i) {
    const int64_t from = order[static_cast<size_t>(i)];
    std::copy_n(frames.frame(from), frames.frame_bytes(), out.frame(i));
    if (!frames.index.empty()) out.index[static_cast<size_t>(i)] = frames.index[static_cast<size_t>(from)];
  }
  return out;
}

Frames perturb(const Frames& frames, const std::vector<PerturbStep>& steps, uint64_t seed, const std::string& sample_id) {
  Frames out = frames;
  for (size_t i = 0; i < steps.size(); ++i) {
    Random random(seed, "perturb/" + std::to_string(i) + "/" + steps[i].name, hash64(sample_id));
    out = steps[i].apply(out, random);
  }
  return out;
}

}  // namespace rrpo::video
