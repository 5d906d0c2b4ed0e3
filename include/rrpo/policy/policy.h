// A model with its tokenizer, prompt form and pixel rules, opened from a checkpoint folder.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/family.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/tokenizer.h"
#include "rrpo/text/wordpiece.h"
#include "rrpo/util/fields.h"
#include "rrpo/video/sampling.h"
#include "rrpo/video/transform.h"

namespace rrpo::policy {

/// `model.*` of every program.
struct ModelConfig {
  std::filesystem::path path;
  std::optional<std::filesystem::path> adapter;
  std::string dtype = "float32";
  std::string video_pool = "auto";
  std::string prompt = "auto";
  std::string time_instruction = "off";
  std::string image = "video";
  std::string positions = "auto";
  std::string frozen = "plain";
  template <class V>
  void fields(V& v) {
    v("path", path, "checkpoint folder in Hugging Face form; or owner/name of the hub, which must lie in its local cache");
    v("adapter", adapter, "adapter folder in PEFT form");
    v("dtype", dtype,
      "compute type: float32, bfloat16, or auto (bfloat16 on a GPU where the checkpoint is stored in 16 bits)");
    v("video_pool", video_pool,
      "pooling of visual tokens: auto (the checkpoint's), or where the family has several bilinear, average, max");
    v("prompt", prompt, "prompt form: auto (the checkpoint's own template), or a name of the list under prompt forms");
    v("time_instruction", time_instruction,
      "LLaVA-Video's sentence on the clip's length and the frames' times before the question: off; line: on a line of its "
      "own, as lmms-eval and its demo ask; paragraph: and an empty line, as it was trained");
    v("image", image,
      "a row of one still picture: video (of one frame), or anyres (as the family shows pictures: most in tiles)");
    v("positions", positions,
      "where text goes on behind a video of Qwen2.5-VL: auto (behind the largest of its positions, as it was trained), or "
      "transformers5 (by the sides of its grid alone, as that release does)");
    v("frozen", frozen,
      "how the matrices of the decoder's layers are held: plain; nf4: in four bits as bitsandbytes does (block 64, made "
      "when read); sharded: divided among the ranks of a training, each layer gathered while it is used (moves no number); "
      "or nf4+sharded. Over all but plain only an adapter is trained; embedding, head, norms, biases, the eye stay plain");
  }
  void check(const std::string& at) const;
};

/// `video.*` of every program.
struct VideoConfig {
  int64_t frames = 16;
  std::string sampling = "authors";
  double sample_fps = 0;
  int64_t max_frames = 0;
  int64_t min_pixels = 0;
  int64_t max_pixels = 0;
  bool pixel_cap = false;
  bool verify = false;
  int64_t max_memory_mb = 4096;
  bool follow_links = false;
  template <class V>
  void fields(V& v) {
    v("frames", frames, "frames per clip");
    v("sampling", sampling,
      "which frames of a video: authors, linspace, segment_centre, internvl, videochat2 (video.frames of them); fps, "
      "longvu_segment, longvu_mlvu, lmms, fps_capped_official, qwen2_5_vl, qwen_vl_utils, qwen3_vl (as many as its length "
      "gives); what each does stands under sampling rules");
    v("sample_fps", sample_fps,
      "frames taken of a second, by the rules that go by the length; the others do not read it; 0: the rule's own (2 for "
      "Qwen's, else 1)");
    v("max_frames", max_frames, "cap on the frames of the rules that go by the length; the others do not read it; 0: none");
    v("min_pixels", min_pixels,
      "least pixels that a frame (Qwen3-VL: a clip) is made to have, where the family fits frames into a budget; 0: the "
      "processor's");
    v("max_pixels", max_pixels, "most pixels, likewise; 0: the processor's");
    v("pixel_cap", pixel_cap, "the cap of each frame's share of the budget, as qwen-vl-utils sets it");
    v("verify", verify,
      "decode every frame of a video, so that damage anywhere is a fault; false: where it changes no frame that is seen, "
      "only the groups of pictures that hold those");
    v("max_memory_mb", max_memory_mb,
      "MiB that the full-size frames of one clip and its packets may take while it is read, for each clip read at a time; a "
      "clip beyond it is a fault of its row");
    v("follow_links", follow_links, "links below the video root may lead out of it; false: such a file is refused");
  }
  void check(const std::string& at) const;
};

struct Policy {
  model::Lvlm lvlm;
  std::unique_ptr<text::Tokenizer> tokenizer;
  text::ChatTemplate chat;
  int64_t end_of_turn = 0;
  std::vector<int64_t> stop_ids;         ///< generation ends at these: end of turn, and those of generation_config.json
  std::vector<video::PixelSpec> pixels;  ///< how frames become pixels, for each tower of the eye
  std::filesystem::path folder;
  std::string time_instruction = "off";  ///< `model.time_instruction`
  int64_t positions = 0;                 ///< tokens, visual ones too, that the model was made for; 0: not known
  /// How a still is prepared that is shown as a picture (`model.image=anyres`); absent: as a video of one frame.
  std::optional<video::PixelSpec> still = {};
  std::unique_ptr<text::WordPiece> eye_words = {};  ///< of an eye that reads the question in a vocabulary of its own
};

/// Opens `config.path` on `device` (auto, cpu, cuda, cuda:N; auto takes a GPU when one is there), with its adapter if given.
/// `dtype` of the configuration unless `dtype` is given (tests compute in double).
Policy open_policy(const ModelConfig& config, const std::string& device, std::optional<model::Dtype> dtype = std::nullopt);

/// The same without reading a weight: every file but the weights is read and checked, and of those names and shapes. For
/// what counts and plans; no pass can run over it.
Policy open_shapes(const ModelConfig& config, const std::string& device);

/// The ids that the eye reads with a clip: of `question` or of the prompt, as the family has it; none for an eye that reads
/// nothing.
std::vector<int64_t> eye_text(const Policy& policy, const std::string& question);

/// How frames become pixels under `video.*`: the processor's rules with the budget that the fields set.
std::vector<video::PixelSpec> pixels_of(const Policy& policy, const VideoConfig& video);

/// Ids of the words before each run of a clip.
std::vector<std::vector<int64_t>> clip_leads(const Policy& policy, const std::vector<model::VisualRun>& runs,
                                             bool still = false);

/// `question` about a clip as `policy.time_instruction` has it asked; of `frames` only the times are read. Throws
/// Error(input, "data") where they are wanted and there are none.
std::string timed_question(const Policy& policy, const video::Frames& frames, const std::string& question);

}  // namespace rrpo::policy
