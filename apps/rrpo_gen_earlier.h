// A run of rrpo-gen that is there already: what replay and merge read of its folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/gen/config.h"
#include "rrpo/rows/question.h"

namespace rrpo::apps {

/// Where the files of an earlier run lie now. They may move; their bytes may not change.
struct Places {
  struct Model {
    std::filesystem::path path, adapter;
    template <class V>
    void fields(V& v) {
      v("path", path, "checkpoint folder; empty: as run.json has it");
      v("adapter", adapter, "adapter folder; empty: as run.json has it");
    }
  };
  struct Gen {
    std::filesystem::path questions, video_root;
    template <class V>
    void fields(V& v) {
      v("questions", questions, "file of questions; empty: as run.json has it");
      v("video_root", video_root, "folder of the videos; empty: as run.json has it");
    }
  };
  Model model;
  Gen gen;
  std::string device;
  int64_t threads = 0;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("gen", gen, "");
    v("device", device, "auto, cpu, cuda, cuda:N; empty: as run.json has it");
    v("threads", threads, "videos at a time; 0: as run.json has it");
  }
};

/// Fields that may differ between runs whose files have the same bytes.
const std::vector<std::string>& places_fields();
/// Fields that change no result: how fast videos, the machine and the language model are reached, and how patiently. They
/// may change between the parts of one run.
const std::vector<std::string>& reach_fields();

/// The folder of an earlier run with its run.json.
struct EarlierRun {
  std::filesystem::path folder;
  Json record;
  Json raw_config;        ///< as run.json has it
  gen::GenConfig config;  ///< the same with the places of now
};

/// Throws Error(input) naming the folder when it holds no finished run of the main job or of merge.
EarlierRun read_earlier(const std::filesystem::path& folder, const Places& places);

}  // namespace rrpo::apps
