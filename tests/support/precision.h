// A type that a GPU computes in, as a parameter of tests: its cases are named and printed by it.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "rrpo/model/family.h"

namespace rrpo::test {

struct Precision {
  const char* name;
  model::Dtype dtype;
  double tolerance;  ///< of the relative difference from the CPU's result in double
};

inline void PrintTo(const Precision& precision, std::ostream* out) { *out << precision.name; }
inline std::string precision_name(const testing::TestParamInfo<Precision>& info) { return info.param.name; }

}  // namespace rrpo::test
