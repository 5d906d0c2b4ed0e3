// The commands of rrpo-gen.
#pragma once

#include <filesystem>
#include <vector>

#include "app.h"

namespace rrpo::apps {

/// Questions to pairs. Leaves pairs.jsonl, ledger.jsonl, responses.jsonl and run.json in --out.
int run_gen(const Invocation& call);
/// The shards of a run to its pairs. Leaves what one run of all questions leaves.
int run_merge(const Invocation& call);
/// The same, of the shards in these folders.
int join_shards(const Invocation& call, const std::vector<std::filesystem::path>& folders);
/// One pair of a run made again; its bytes must be those of the run. Leaves pairs.jsonl, responses.jsonl (of its video) and
/// run.json in --out.
int run_replay(const Invocation& call);
/// A small video world. Leaves videos/ (or frames/), questions.jsonl and run.json in --out.
int run_scenes(const Invocation& call);
/// Rows of other programs as ours. Leaves pairs.jsonl or questions.jsonl, ledger.jsonl and run.json in --out.
int run_import(const Invocation& call);
/// Every fault of a file of pairs or questions; changes nothing. Exit 8 when there is one.
int run_check(const Invocation& call);
/// Pairs as a page (show.html in --out, or beside the file), or on the terminal.
int run_show(const Invocation& call);

}  // namespace rrpo::apps
