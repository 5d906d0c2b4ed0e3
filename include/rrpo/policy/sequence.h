// Questions and answers as branches: packed rows with the label, phrase and answer number of every read row.
#pragma once

#include <cstdint>
#include <vector>

#include "rrpo/model/packed_rows.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/span.h"

namespace rrpo::policy {

/// Packed rows under construction: video, then its questions, then their answers. A read row predicts one label:
/// an answer of n ids reads the last row of its question and its own first n-1 rows; its last id is never an input row.
struct LabelledRows {
  model::PackedRows rows;
  std::vector<int64_t> labels;  ///< [M]
  std::vector<int64_t> phrase;  ///< [M] number of the marked phrase, 0 outside
  std::vector<int64_t> answer;  ///< [M] caller's number of the answer

  /// Root segment: the runs of clip number `video`, each behind its words.
  int64_t add_clip(const std::vector<std::vector<int64_t>>& leads, const std::vector<model::VisualRun>& runs, int64_t video);
  /// Child of a video: the prompt's ids after the video.
  int64_t add_question(int64_t video_segment, const std::vector<int64_t>& after);
  /// Ids of the prompt that are labels of answer `number` too: places in the tokens of the question's video, and in those of
  /// the question. The row before such an id is read; the very first id has none.
  void add_prompt_labels(int64_t question_segment, const std::vector<int64_t>& before, const std::vector<int64_t>& after,
                         int64_t number);
  /// Child of a question; adds answer.ids.size() read rows numbered `number`.
  void add_answer(int64_t question_segment, const text::AnswerIds& answer, int64_t number);

 private:
  void add_label(int64_t segment, int64_t place, int64_t number);
};

}  // namespace rrpo::policy
