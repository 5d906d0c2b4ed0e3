// The commands of rrpo-gen.
#pragma once

#include "app.h"

namespace rrpo::apps {

/// Questions to pairs. Leaves pairs.jsonl, ledger.jsonl, responses.jsonl and run.json in --out.
int run_gen(const Invocation& call);
/// A small video world. Leaves videos/ (or frames/), questions.jsonl and run.json in --out.
int run_scenes(const Invocation& call);
/// Rows of other programs as ours. Leaves pairs.jsonl or questions.jsonl, ledger.jsonl and run.json in --out.
int run_import(const Invocation& call);
/// Pairs as a page (show.html in --out, or beside the file), or on the terminal.
int run_show(const Invocation& call);

}  // namespace rrpo::apps
