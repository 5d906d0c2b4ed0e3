// Published benchmarks: what their publishers distribute, how their questions are asked, what their numbers mean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::eval {

class Release;

/// What a model is given for one question beside the video.
struct Asking {
  std::string system{};         ///< text before the video; empty: the prompt form's own
  std::string text{};           ///< after the video
  std::string answer_prefix{};  ///< how the model's answer begins
};

/// A number that somebody has published.
struct Published {
  std::string model;   ///< `LLaVA-Video-7B`, `+ RRPO (32f)`
  std::string frames;  ///< `64`, `1 fps`
  double value = 0;    ///< in percent, as printed
};

/// The rows of a release.
struct Released {
  std::vector<rows::Question> questions;
  std::map<std::string, int64_t> odd{};  ///< rows by kind of oddity: `answer_not_among_candidates`
  std::vector<std::string> notes{};      ///< what was left out or is special, one line each
};

/// How the number of a benchmark comes from its verdicts.
enum class Overall {
  questions,       ///< every question alike
  tasks,           ///< unweighted mean of the tasks
  groups,          ///< every group alike: right when its rule says so
  subsets,         ///< unweighted mean over subsets of the share of right groups (VideoHallucer)
  tasks_labelled,  ///< TempCompass: nobody computes one; the mean of the tasks, named as ours
  parts,           ///< VidHalluc: mean of bqa (by question), mcq and sth (0.6 classification + 0.4 description)
  grouped,         ///< every group alike, each with what its rule counts (Video-MME-v2)
  pairs,           ///< the same of pairs of a truth and a lie (ELV-Halluc)
  matched,         ///< every question alike; beside it how many replies match no rule (EventHallusion)
};

/// How eval.subtitles puts what is heard in a video.
enum class Heard {
  nothing,         ///< the benchmark has no subtitles, or they are not asked with
  listed,          ///< in the question: what is heard at the frames that the model sees (Video-MME)
  between_frames,  ///< each cue between the frames around it (LongVideoBench)
};

/// An entry of the table of benchmarks.
struct Benchmark {
  std::string name;                  ///< `tvbench`
  std::string title;                 ///< `TVBench`
  std::string size;                  ///< `2,525 questions about … videos`
  std::string source;                ///< where a user gets it, and what he does himself
  std::string licence;               ///< of annotations and videos
  std::vector<std::string> layout;   ///< what `convert` looks for below the folder
  std::vector<std::string> scorers;  ///< those that know it beside ours and strict, the one of the published numbers first
  std::string sampling = "authors";  ///< `video.sampling` of the published numbers
  int64_t frames = 64;
  int64_t max_new_tokens = 512;
  Overall overall = Overall::questions;
  std::string weighting;  ///< `overall` in words
  Heard heard = Heard::nothing;
  std::vector<Published> published;  ///< rows of the RRPO paper's table, base and aligned; else the benchmark's own
  std::string published_in = "arXiv 2504.12083";
  /// Reads the publisher's files. Throws Error(input, "data") where they are not there, or are another benchmark's.
  Released (*read)(Release& release);
  /// The prompt of one row under a profile (`rrpo-llava`, …).
  Asking (*ask)(std::string_view profile, const rows::Question& question);
};

/// tvbench, tempcompass, videohallucer, vidhalluc, mvbench, videomme, mlvu, longvideobench; and of those that came after the
/// paper videomme_v2, eventhallusion, elvhalluc.
const std::vector<Benchmark>& benchmarks();

/// rrpo-llava: as the authors' scripts ask LLaVA-Video. rrpo-videochat2, rrpo-longvu: the other two models. lmms: lmms-eval.
const std::vector<std::string>& profiles();

/// The prompt of a row: its benchmark's, or its question as it stands where it belongs to none.
Asking asking_of(std::string_view profile, const rows::Question& question);

}  // namespace rrpo::eval
