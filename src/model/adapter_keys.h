// The keys of an adapter's file, and the modules of ours that they mean.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peft_config.h"
#include "rrpo/io/safetensors.h"
#include "rrpo/model/family.h"

namespace rrpo::model {

/// What PEFT puts in front of a module's path.
extern const std::string kPeftPrefix;

/// Tensors of files: (canonical name, entry).
using Entries = std::vector<std::pair<std::string, io::TensorEntry>>;

/// The tensors of an adapter_model.safetensors.
struct AdapterFile {
  Entries entries;                            ///< by PEFT's keys of canonical modules
  std::set<std::string> modules;              ///< canonical paths of the modules that carry A or B
  std::map<std::string, std::string> called;  ///< what the file calls some of them
  std::map<std::string, std::string> begins;  ///< canonical beginnings of paths, and what stands for them in the file
  int64_t unread = 0;                         ///< tensors of modules that nothing here reads (a tower's pooling head)
};

/// Names are those of PEFT's module paths, a family's older layouts, with or without what wrappers of trainers leave in
/// them. A linear that the original holds as one, and we as several, has its A given to each and the rows of its B divided.
/// Throws Error(input, "adapter") for a missing file.
AdapterFile read_adapter_file(const Family& family, const std::filesystem::path& folder);

/// The names under which the adapter's settings may know a module of ours.
ModuleNames names_of(const Family& family, const AdapterFile& file, const std::string& module);

}  // namespace rrpo::model
