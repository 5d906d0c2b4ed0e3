#include "rrpo/util/compat.h"

namespace rrpo {

const std::vector<Quirk>& quirks() {
  static const std::vector<Quirk> all = {
      {"marks",
       "tokens are marked by tokenising the text again with its tags and walking both in step; where that fails, or nothing "
       "is marked on one side, the pair is dropped",
       "byte offsets mark the phrase itself, for every text. Their code takes another sample in the place of a dropped one; "
       "here it is counted in the ledger as `dropped`",
       "train_llavavideo.py: process_masked_tokens, preprocess_masked, __pos_neg_getitem__",
       {"rrpo-train", "rrpo-train score", "rrpo-gen show"}},
      {"labels",
       "labels are the answer, its end of turn and the newline after it, the header of its turn, and every newline, "
       "<|im_start|> and <|im_end|> of the prompt: they carry KL and log-probability",
       "the prompt is the same for both answers and is not what the model says; the default reads the answer and its end of "
       "turn",
       "train_llavavideo.py: preprocess_qwen",
       {"rrpo-train", "rrpo-train score"}},
      {"first_token",
       "VideoChat2: the first position of every prompt holds a vector of ones, for policy and reference",
       "the weights were trained with <s> there, and their own inference writes it",
       "videochat2_rrpo_mistral.py: concatenated_forward puts the number of <s> where its embedding belongs",
       {"rrpo-train", "rrpo-train score"}},
      {"last_window",
       "rows left over when an epoch is cut into windows of train.batch_pairs are not trained on, unless there is no whole "
       "window (over several epochs their windows run on over the border; here each epoch begins with a new one)",
       "no row is lost: the default takes a step over what is left",
       "scripts/llavavideo/run.sh: dataloader_drop_last; transformers 4.40 Trainer: no update at an incomplete accumulation",
       {"rrpo-train"}},
  };
  return all;
}

}  // namespace rrpo
