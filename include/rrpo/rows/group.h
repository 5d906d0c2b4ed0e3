// Questions that count together: what a group counts, by its rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// One question of a group.
struct Member {
  std::string role;    ///< which one of the group it is
  int64_t points = 0;  ///< 1 right, 0 not; -1: not read, where the benchmark's own script counts that so
};

/// The question of a group under `pairs` that all others stand beside.
inline constexpr std::string_view kTruth = "ground_truth";

/// all: every question is right. pairs (ELV-Halluc): the truth makes a pair with each lie. relevance, logic (Video-MME-v2):
/// four questions; the number of right ones, or the length of the unbroken chain of them.
const std::vector<std::string>& group_rules();

/// The chains of Video-MME-v2 as published: `[1, 2, 3, 4]`, `[1, [2, 3], 4]`, `[[1, 2], 3, 4]`.
const std::vector<std::string>& chain_structures();
/// One of them, from `text` with other blanks; empty where it is none.
std::string chain_structure(std::string_view text);
/// That of a question (`aux.group_structure`); empty where it has none.
std::string chain_of(const Item& item);

/// What a group counts, in [0, 1]. all: 1 or 0. pairs: the share of the pairs of which both questions are right. relevance:
/// (right / 4)^2. logic: the chain by the table of its `structure`, where the inner pair may begin at either end; points of
/// -1 are links of it, as in the script, and take from a sum. Throws Error(internal) for an unknown rule or structure.
double group_value(std::string_view rule, std::string_view structure, const std::vector<Member>& members);

}  // namespace rrpo::rows
