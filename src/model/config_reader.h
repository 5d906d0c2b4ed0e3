// Reading `config.json` of a checkpoint: every fault names the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::model {

/// One object of a config.json; `place` is its path in the file, ending in a dot or empty.
class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string place);

  ConfigReader object(const std::string& key) const;
  bool has(const std::string& key) const;  ///< present and not null
  /// A whole number in [low, high].
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  double number(const std::string& key) const;
  double number(const std::string& key, double standard) const;
  bool flag(const std::string& key, bool standard) const;
  std::string text(const std::string& key, const std::string& standard) const;
  const Json& json() const { return json_; }

  /// Throws unless `key`, where present, is `value`: the one that this program computes.
  void only(const std::string& key, const Json& value) const;
  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const;

 private:
  const Json& at(const std::string& key) const;
  const Json& json_;
  std::string place_;
};

}  // namespace rrpo::model
