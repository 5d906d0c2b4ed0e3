// What LongVU leaves out of a clip so that it fits into a prompt: frames that look like their neighbours, detail of frames
// that the question does not ask for, tokens that repeat what an earlier frame says. Functions of tensors alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace rrpo::model {

/// How many maps of `tokens` each a `room` of tokens holds: at least one.
int64_t maps_that_fit(int64_t room, int64_t tokens);

/// The frames of features [F, n, D] that stay, in order: all where there are fewer than `fit`. Else, in windows of 16, those
/// whose mean cosine to the window's frames is below `threshold`, and the middle one of each window; of several windows at
/// most 400 frames, evenly spread. Computed in the type of `features`, as the original does.
std::vector<int64_t> unlike_frames(const at::Tensor& features, int64_t fit, double threshold);

/// True where frames are shown coarsely and only some of them finely: neither fewer than fine maps fit, nor more than coarse
/// ones. With more, they are all shown finely again and compress() cuts them: the original means to shrink them there, and
/// does not.
bool mixes_detail(int64_t frames, int64_t room, int64_t fine_tokens, int64_t coarse_tokens);

/// Part of a map.
struct MapPart {
  int64_t top = 0, left = 0, height = 0, width = 0;
  bool operator==(const MapPart&) const = default;
};
/// What of a side x side map shows a picture of `width` x `height` that was padded to a square. Where nothing would be left,
/// all of it.
MapPart picture_part(int64_t side, int64_t width, int64_t height);

/// Part of maps [F, s * s, D] row by row, the newline [D] behind each row: [F, height * (width + 1), D].
at::Tensor lay_part(const at::Tensor& maps, int64_t side, const MapPart& part, const at::Tensor& newline);

/// The `count` frames of [F, n, D] whose tokens have the largest mean product with the rows of `text` [T, D], in order.
std::vector<int64_t> asked_frames(const at::Tensor& frames, const at::Tensor& text, int64_t count);

/// Coarse frames [F, n, D] and fine ones [F, m, D] to tokens [N, D] in order of time: as many as fit into `room` are fine,
/// those that the text asks for. Undefined where not one more fits; there compress() decides.
at::Tensor sharpen(const at::Tensor& coarse, const at::Tensor& fine, const at::Tensor& text, int64_t room);

/// Frames [F, n, D] to at most `room` tokens [N, D]: of every 8 frames the first whole, and of the others the tokens whose
/// cosine to the same place of the first is below `threshold`; what is still too much is cut off at the end of each 8.
at::Tensor compress(const at::Tensor& frames, double threshold, int64_t room);

}  // namespace rrpo::model
