// Event files: tests/golden/events.tfevents of scripts/oracles/events.py holds what TensorBoard's own writer makes of the
// same steps.
#include "rrpo/io/event_file.h"

#include <gtest/gtest.h>

#include <limits>

#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

TEST(EventFile, HasTheBytesOfTensorBoardsOwnWriter) {
  const rrpo::test::TempDir dir;
  const auto file = dir.write("events.out.tfevents.rrpo", "what an earlier part of the run left");
  {
    EventFile events(file, 1.0);
    events.add(1, 1.5, {{"loss", 0.6931}, {"lr", 1e-6}});
    events.add(2, 2.25, {{"loss", -3.0}});
    events.add(40000, 1.7e9, {{"eval/accuracy", 1.0}, {"grad_norm", std::numeric_limits<double>::infinity()}});
  }
  EXPECT_EQ(read_file(file, "test"), read_file(rrpo::test::source_file("tests/golden/events.tfevents"), "test"));
}

}  // namespace
}  // namespace rrpo::io
