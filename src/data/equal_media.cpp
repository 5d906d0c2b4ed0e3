#include "rrpo/data/equal_media.h"

#include "rrpo/util/error.h"
#include "rrpo/util/random.h"

namespace rrpo::data {

namespace {

constexpr const char* kFix = "look at both files, or data.equal_media=allow where a set holds one clip twice";

constexpr std::string_view kPictures = "frames\n";  // in front of a key of listed ones

/// The files in a media's key: the video or the folder, of listed pictures all.
std::string files_of(const std::string& media) {
  return media.starts_with(kPictures) ? media : media.substr(0, media.find('\n'));
}

/// A media's key in a line of text.
std::string shown(const std::string& media) {
  std::string line = media.starts_with(kPictures) ? media.substr(kPictures.size()) : media;
  for (size_t at = line.find('\n'); at != std::string::npos; at = line.find('\n', at)) line.replace(at, 1, ", ");
  return printable(line, 120);
}

uint64_t hash_of(const model::VisualTokens& visual) {
  const at::Tensor plain = visual.tokens.detach().cpu().contiguous();
  return hash64({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()});
}

}  // namespace

EqualMedia::EqualMedia(SeenMedia& seen) : seen_(seen) { compare_all(); }

void EqualMedia::compare_all() {
  for (const auto& [media, seen] : seen_) {
    if (seen.tokens) compare(media, *seen.tokens);
  }
}

void EqualMedia::tell(const rows::View& view, const model::VisualTokens& visual) {
  if (view.perturbed()) return;
  const std::string media = view.media.key();
  if (visual.tokens.size(0) == 0) {
    throw Error(Fault::input, "data", shown(media) + ": has no visual token, so its rows are about nothing",
                "look at its pictures and at video.frames");
  }
  Seen& seen = seen_[media];
  if (seen.tokens) return;
  const uint64_t tokens = hash_of(visual);
  compare(media, tokens);
  seen.tokens = tokens;
}

void EqualMedia::compare(const std::string& media, uint64_t tokens) {
  const std::string& first = first_.emplace(tokens, media).first->second;
  if (files_of(first) == files_of(media)) return;
  throw Error(Fault::input, "data",
              shown(media) + ": the model sees the same in it as in " + shown(first) + ": their visual tokens are equal",
              kFix);
}

}  // namespace rrpo::data
