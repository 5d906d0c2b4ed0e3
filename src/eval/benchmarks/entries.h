// The entries of the table of benchmarks, one file each.
#pragma once

#include "rrpo/eval/benchmark.h"

namespace rrpo::eval {

Benchmark benchmark_tvbench();
Benchmark benchmark_tempcompass();
Benchmark benchmark_videohallucer();
Benchmark benchmark_vidhalluc();
Benchmark benchmark_mvbench();
Benchmark benchmark_videomme();
Benchmark benchmark_mlvu();
Benchmark benchmark_longvideobench();
Benchmark benchmark_videomme_v2();
Benchmark benchmark_eventhallusion();
Benchmark benchmark_elvhalluc();

}  // namespace rrpo::eval
