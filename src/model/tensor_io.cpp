#include "tensor_io.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "finite.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

constexpr std::array<std::pair<at::ScalarType, const char*>, 4> kTypes = {
    {{at::kDouble, "F64"}, {at::kFloat, "F32"}, {at::kBFloat16, "BF16"}, {at::kHalf, "F16"}}};

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sides;
  for (const int64_t side : shape) sides.push_back(std::to_string(side));
  return "[" + join(sides, ",") + "]";
}

[[noreturn]] void throw_not_finite(const io::TensorEntry& entry, int64_t number, const at::Tensor& value,
                                   at::ScalarType type) {
  const bool finite = value.isfinite().item<bool>();
  throw Error(Fault::numerics, "weights",
              entry.file.string() + "#" + printable(entry.name, 120) + ": element " + std::to_string(number) +
                  (finite ? " is too large for " + std::string(c10::toString(type)) : " is not a finite number"),
              finite ? "model.dtype=float32" : "download or train it again: such weights answer nothing");
}

/// One kind of fault: how many, and the first names.
struct Faults {
  std::string kind;
  std::vector<std::string> names;
  std::string count() const { return std::to_string(names.size()) + " " + kind; }
};

bool same_bytes(const io::TensorEntry& a, const io::TensorEntry& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  constexpr int64_t kChunk = int64_t{4} << 20;
  std::vector<char> left(static_cast<size_t>(std::min(kChunk, a.bytes))), right(left.size());
  for (int64_t begin = 0; begin < a.bytes; begin += kChunk) {
    io::TensorEntry x = a, y = b;
    x.bytes = y.bytes = std::min(kChunk, a.bytes - begin);
    x.offset += begin;
    y.offset += begin;
    io::read_tensor_bytes(x, left.data());
    io::read_tensor_bytes(y, right.data());
    if (std::memcmp(left.data(), right.data(), static_cast<size_t>(x.bytes)) != 0) return false;
  }
  return true;
}

/// Throws for all differences between what is wanted and what was found.
void check_names(const std::vector<NamedTensor>& wanted, const std::map<std::string, const io::TensorEntry*>& by_name,
                 const FoundTensors& found, const TensorSource& source) {
  Faults missing{"missing", {}}, unexpected{"unexpected", {}}, misshapen{"misshapen", {}}, twice{"given twice", {}},
      equal{"given twice with equal values", {}}, mistyped{"of a type that holds no weights", {}};
  std::set<std::string> known;
  for (const NamedTensor& tensor : wanted) {
    known.insert(tensor.name);
    const auto entry = by_name.find(tensor.name);
    if (entry == by_name.end()) {
      missing.names.push_back(tensor.name);
    } else if (entry->second->shape != tensor.shape) {
      const std::string& disk = entry->second->name;
      misshapen.names.push_back(tensor.name + " " + shape_text(entry->second->shape) + " instead of " +
                                shape_text(tensor.shape) + (disk == tensor.name ? "" : " (on disk: " + disk + ")"));
    } else if (weight_type(entry->second->dtype) == at::ScalarType::Undefined) {
      mistyped.names.push_back(tensor.name + " " + entry->second->dtype);
    }
  }
  for (const auto& [name, entry] : found) {
    if (!known.contains(name))
      unexpected.names.push_back(entry.name);
    else if (by_name.at(name)->name != entry.name)
      (same_bytes(*by_name.at(name), entry) ? equal : twice).names.push_back(entry.name);
  }
  std::vector<std::string> counts, first;  // counts before names: a line has room for few names
  for (const Faults* faults : {&missing, &unexpected, &misshapen, &twice, &mistyped}) {
    if (faults->names.empty()) continue;
    counts.push_back(faults->count());
    first.push_back("first " + faults->kind + " " + faults->names.front());
  }
  if (!equal.names.empty()) {
    log_note(source.folder.string() + ": " + equal.count() + ", each is read once (first " + equal.names.front() + ")");
  }
  if (counts.empty()) return;
  throw Error(Fault::input, source.component,
              source.folder.string() + ": tensors " + join(counts) + "; " + join(first, "; "), source.fix);
}

/// Calls `work(i)` for i in [0, count) on a few threads; the first exception is thrown again here.
void in_parallel(size_t count, const std::function<void(size_t)>& work) {
  const size_t threads = std::min<size_t>({count, 4, std::max(1U, std::thread::hardware_concurrency())});
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    const at::NoGradGuard no_grad;
    try {
      for (size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (size_t t = 1; t < threads; ++t) pool.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

at::ScalarType weight_type(const std::string& dtype) {
  for (const auto& [type, name] : kTypes) {
    if (dtype == name) return type;
  }
  return at::ScalarType::Undefined;
}

at::Tensor read_numbers(const io::TensorEntry& entry, int64_t first, int64_t count, at::ScalarType type, at::Device device) {
  constexpr int64_t kChunk = int64_t{4} << 20;  // still in the cache when its numbers are looked at
  const at::ScalarType stored = weight_type(entry.dtype);
  const at::Tensor raw = at::empty({count}, stored);
  const int64_t width = raw.element_size(), all = count * width;
  auto* bytes = static_cast<char*>(raw.mutable_data_ptr());
  for (int64_t begin = 0; begin < all; begin += kChunk) {
    check_stop();
    io::TensorEntry part = entry;
    part.offset += first * width + begin;
    part.bytes = std::min(kChunk, all - begin);
    io::read_tensor_bytes(part, bytes + begin);
    const int64_t bad = first_not_finite(bytes + begin, part.bytes / width, stored, type);
    if (bad >= 0) throw_not_finite(entry, first + begin / width + bad, raw.select(0, begin / width + bad), type);
  }
  return raw.to(device, type);
}

at::Tensor read_tensor(const io::TensorEntry& entry, at::ScalarType type, at::Device device) {
  if (device.is_meta()) return at::empty(entry.shape, at::TensorOptions(device).dtype(type));
  const auto width = static_cast<int64_t>(c10::elementSize(weight_type(entry.dtype)));
  return read_numbers(entry, 0, entry.bytes / width, type, device).view(entry.shape);
}

at::Tensor read_as_stored(const io::TensorEntry& entry, at::Device device) {
  const at::ScalarType stored = weight_type(entry.dtype);
  return read_tensor(entry, stored == at::kDouble ? at::kFloat : stored, device);
}

std::vector<io::TensorEntry> split_rows(const io::TensorEntry& entry, size_t count, const std::string& component) {
  const auto parts = static_cast<int64_t>(count);
  expect(parts > 0, "a tensor in no parts");
  if (entry.shape.empty() || entry.shape[0] % parts != 0) {
    throw Error(Fault::input, component,
                entry.file.string() + "#" + printable(entry.name, 120) + ": " + shape_text(entry.shape) +
                    " does not divide into " + std::to_string(parts) + " equal ranges of rows",
                "take the weights and config.json of one checkpoint");
  }
  std::vector<io::TensorEntry> ranges;
  for (int64_t i = 0; i < parts; ++i) {
    io::TensorEntry range = entry;
    range.shape[0] /= parts;
    range.bytes /= parts;
    range.offset += i * range.bytes;
    ranges.push_back(std::move(range));
  }
  return ranges;
}

void read_tensors(const std::vector<NamedTensor>& wanted, const FoundTensors& found, const TensorSource& source,
                  const ReadInto& read) {
  std::map<std::string, const io::TensorEntry*> by_name;
  for (const auto& [name, entry] : found) by_name.emplace(name, &entry);
  check_names(wanted, by_name, found, source);
  in_parallel(wanted.size(), [&](size_t i) { read(wanted[i], *by_name.at(wanted[i].name)); });
}

void fill_tensors(const std::vector<NamedTensor>& wanted, const FoundTensors& found, at::ScalarType type, at::Device device,
                  const TensorSource& source) {
  read_tensors(wanted, found, source, [&](const NamedTensor& tensor, const io::TensorEntry& entry) {
    *tensor.tensor = read_tensor(entry, type, device);
  });
}

void write_tensors(const std::filesystem::path& file, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                   at::ScalarType type) {
  std::string dtype;
  for (const auto& [known, name] : kTypes) {
    if (known == type) dtype = name;
  }
  expect(!dtype.empty(), "weights are written in a type that files do not hold");
  std::vector<at::Tensor> plain;
  std::vector<io::TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors) {
    plain.push_back(tensor.detach().to(at::kCPU, type).contiguous());
    bytes.push_back({name, dtype, plain.back().sizes().vec(), plain.back().const_data_ptr()});
  }
  io::write_safetensors(file, std::move(bytes), {{"format", "pt"}});
}

}  // namespace rrpo::model
