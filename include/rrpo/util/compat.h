// `--compat official`: what of the authors' code is reproduced, although the default does something else. The one list.
#pragma once

#include <string>
#include <vector>

namespace rrpo {

/// One deviation of the authors' code.
struct Quirk {
  std::string name;
  std::string what;                   ///< what their code does
  std::string reason;                 ///< why our default differs
  std::string source;                 ///< file and function
  std::vector<std::string> commands;  ///< `rrpo-train`, `rrpo-train score`
};
const std::vector<Quirk>& quirks();

/// The values of a configuration's field `compat`.
inline const std::vector<std::string> kCompatValues = {"none", "official"};
inline bool is_official(const std::string& compat) { return compat == "official"; }

}  // namespace rrpo
