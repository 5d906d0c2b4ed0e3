#include "rrpo/data/tensor_folder.h"

#include <utility>

#include "rrpo/io/safetensors.h"
#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/log.h"

namespace rrpo::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* kChecksum = "sha256";

/// Over the name, which stands for all that the tensors depend on, the tensors and the words.
std::string checksum(const std::string& name, const KeptTensors& kept) {
  std::string parts = name;
  for (const auto& [key, tensor] : kept.tensors) {
    const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
    parts += " " + key + " " + tensor.toString() + " " + Json(tensor.sizes().vec()).dump() + " " + io::sha256(bytes);
  }
  for (const auto& [key, text] : kept.words) parts += " " + text;
  return io::sha256(parts);
}

}  // namespace

TensorFolder::TensorFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code fault;
  fs::create_directories(folder_, fault);
  if (fault)
    throw Error(Fault::environment, "data", folder_.string() + ": " + fault.message(),
                "set data.cache to a folder that can be written");
}

std::optional<KeptTensors> TensorFolder::read(const std::string& name) {
  const fs::path file = file_of(name);
  std::error_code absent;
  if (!fs::exists(file, absent)) return std::nullopt;
  std::string problem = "its content is not what was written";
  try {
    KeptTensors kept;
    io::read_safetensors_header(file, &kept.words);
    kept.tensors = load_tensors(file);
    const auto written = kept.words.extract(kChecksum);
    if (written && written.mapped() == checksum(name, kept)) return kept;
  } catch (const Error& error) {
    problem = error.what();  // whatever it is: the content can be made anew
  }
  {
    const std::lock_guard lock(mutex_);
    bad_.insert(name);
  }
  if (damaged_++ == 0) log_warning("data.cache: " + file.string() + ": " + problem + "; damaged files are made anew");
  return std::nullopt;
}

void TensorFolder::write(const std::string& name, const KeptTensors& kept) {
  const fs::path file = file_of(name);
  {
    std::error_code absent;
    const std::lock_guard lock(mutex_);
    if (bad_.erase(name) == 0 && fs::exists(file, absent)) return;
  }
  std::map<std::string, std::string> words = kept.words;
  words[kChecksum] = checksum(name, kept);
  save_tensors(file, kept.tensors, words);
}

}  // namespace rrpo::data
