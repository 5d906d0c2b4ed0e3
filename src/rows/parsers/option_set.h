// Which options a reply gives as its answer, where several may be right: as a careful person reads.
#pragma once

#include "../reading/readings.h"

namespace rrpo::rows {

/// The keys of all options that the reply asserts, in the options' order. What is denied is none of them; a doubt, a
/// question, a text that two options share, a letter that may be a word, or an option beside what is stated leave nothing.
Reading read_choices(const std::vector<Option>& options, std::string_view reply);

/// The one caption that a reply names: `Caption B` and `Sentence B` are B.
Reading read_caption(const std::vector<Option>& options, std::string_view reply);

/// `yes` or `no` of a scene change: the label of the form that was asked for, else the word.
Reading read_scene_change(std::string_view reply);

}  // namespace rrpo::rows
