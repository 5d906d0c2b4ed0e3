#include "rrpo/eval/ask.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cctype>

#include "rrpo/data/media.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/policy/generate.h"
#include "rrpo/report/html.h"
#include "rrpo/report/table.h"
#include "rrpo/text/markup.h"
#include "rrpo/util/error.h"
#include "rrpo/video/transform.h"
#include "rrpo/video/writer.h"

namespace rrpo::eval {

namespace {

/// A picture is a video of one frame; its name tells it apart.
bool is_picture(const std::filesystem::path& file) {
  std::string kind = file.extension().string();
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
  return kind == ".png" || kind == ".jpg" || kind == ".jpeg" || kind == ".webp" || kind == ".bmp";
}

rows::Media media_of(const std::filesystem::path& file) {
  rows::Media media;
  if (is_picture(file)) {
    media.frames = {file.filename().string()};
  } else {
    media.video = file.filename().string();
  }
  return media;
}

/// Hands on what is new in a growing text. A character of which only some bytes are there decodes to U+FFFD: it waits.
class Streamer {
 public:
  explicit Streamer(const std::function<void(const std::string&)>& on_text) : on_text_(on_text) {}
  void show(std::string text, bool last) {
    constexpr std::string_view kIncomplete = "\xEF\xBF\xBD";
    while (!last && text.ends_with(kIncomplete)) text.resize(text.size() - kIncomplete.size());
    if (!on_text_ || text.size() <= shown_) return;
    on_text_(text.substr(shown_));
    shown_ = text.size();
  }

 private:
  const std::function<void(const std::string&)>& on_text_;
  size_t shown_ = 0;
};

/// Questions are read; they may not control the model.
void refuse_special_token(const policy::Policy& policy, const std::string& question) {
  const std::string token = text::special_token_in(*policy.tokenizer, question);
  if (token.empty()) return;
  throw Error(Fault::usage, "command line", "the question holds " + token + ", a control token of this tokenizer",
              "remove it: the program writes the prompt itself");
}

}  // namespace

std::string ask(const AskConfig& config, const std::filesystem::path& file, const std::string& question,
                const std::function<void(const std::string&)>& on_text, video::Frames* seen) {
  if (question.empty()) throw Error(Fault::usage, "command line", "the question is empty", "write it in quotes");
  if (!std::filesystem::is_regular_file(file))
    throw Error(Fault::input, "video", file.string() + ": is no file", "name a video or a picture");
  const at::NoGradGuard frozen;
  const policy::Policy policy = policy::open_policy(config.model, config.device);
  refuse_special_token(policy, question);
  const video::Frames frames =
      data::read_media(media_of(file), file.parent_path(), config.video, data::threads_of_a_clip(1));
  if (seen != nullptr) *seen = video::fit(frames, policy::pixels_of(policy, config.video).front());
  const model::ClipInput input = data::clip_input(policy, media_of(file), frames, config.video);
  const std::string asked = policy::timed_question(policy, frames, question);
  policy::Clip clip{model::encode(policy.lvlm, input, model::Adapter::on, policy::eye_text(policy, asked)),
                    input.form.still};
  Streamer streamer(on_text);
  const auto answers = policy::generate(policy, clip, {{asked}}, config.max_new_tokens,
                                        [&](int64_t, const std::string& text) { streamer.show(text, false); });
  if (!answers.front().fault.empty())
    throw Error(Fault::input, "generation", answers.front().fault, "shorten the question, or lower video.frames");
  streamer.show(answers.front().text, true);
  return answers.front().text;
}

std::string ask_page(const std::string& video, const std::string& question, const std::string& answer,
                     const video::Frames& seen) {
  report::Page page("What the model saw", video);
  page.section("Question").paragraph(question).section("Answer").paragraph(answer).section("Frames");
  std::vector<std::string> pictures;
  for (int64_t i = 0; i < seen.count; ++i) {
    const auto at = static_cast<size_t>(i);
    const std::string caption = "frame " + std::to_string(seen.index.empty() ? i : seen.index[at]) +
                                (seen.time_s.empty() ? "" : ", " + report::fixed(seen.time_s[at], 2) + " s");
    pictures.push_back(report::figure(report::png_image(video::encode_png(seen, i), caption), caption));
  }
  return page.add(report::thumbnails(pictures)).html();
}

}  // namespace rrpo::eval
