#include "rrpo/rows/group.h"

#include <algorithm>
#include <array>

#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

/// What Video-MME-v2's script (evaluation/test_video_mme_v2.py) counts for a chain of 0 to 4 links.
struct Chain {
  std::string_view structure;
  int64_t pair;  ///< links before the two questions that may come in either order; -1: there are none
  std::array<double, 5> share;
};

constexpr std::array<Chain, 3> kChains = {{{"[1, 2, 3, 4]", -1, {0, 1.0 / 16, 4.0 / 16, 9.0 / 16, 1}},
                                           {"[1, [2, 3], 4]", 1, {0, 1.0 / 12, 4.0 / 12, 7.0 / 12, 1}},
                                           {"[[1, 2], 3, 4]", 0, {0, 1.0 / 10, 2.0 / 10, 5.0 / 10, 1}}}};
constexpr std::array<double, 5> kRelevance = {0, 1.0 / 16, 4.0 / 16, 9.0 / 16, 1};

std::string without_blanks(std::string_view text) {
  std::string out(text);
  out.erase(std::remove_if(out.begin(), out.end(), [](char c) { return c == ' ' || c == '\t'; }), out.end());
  return out;
}

/// The points of the questions 1 to 4; 0 for one that is not there.
std::array<int64_t, 4> points_of(const std::vector<Member>& members) {
  std::array<int64_t, 4> points{};
  for (const Member& member : members) {
    if (member.role.size() == 1 && member.role[0] >= '1' && member.role[0] <= '4')
      points[static_cast<size_t>(member.role[0] - '1')] = member.points;
  }
  return points;
}

double relevance(const std::array<int64_t, 4>& points) {
  int64_t sum = 0;
  for (const int64_t one : points) sum += one;
  return sum < 0 ? 0 : kRelevance[static_cast<size_t>(sum)];
}

double logic(const Chain& chain, const std::array<int64_t, 4>& points) {
  size_t links = 0;
  while (links < points.size() && points[links] != 0) ++links;
  if (static_cast<int64_t>(links) == chain.pair && points[links + 1] != 0) ++links;
  return chain.share[links];
}

double pairs(const std::vector<Member>& members) {
  double lies = 0, told = 0;
  bool truth = false;
  for (const Member& member : members) {
    const bool right = member.points > 0;
    if (member.role == kTruth) {
      truth = right;
    } else {
      lies += 1;
      told += right ? 1 : 0;
    }
  }
  return truth && lies > 0 ? told / lies : 0;
}

}  // namespace

const std::vector<std::string>& group_rules() {
  static const std::vector<std::string> rules = {"all", "pairs", "relevance", "logic"};
  return rules;
}

const std::vector<std::string>& chain_structures() {
  static const std::vector<std::string> structures = [] {
    std::vector<std::string> out;
    for (const Chain& chain : kChains) out.emplace_back(chain.structure);
    return out;
  }();
  return structures;
}

std::string chain_structure(std::string_view text) {
  for (const std::string& structure : chain_structures()) {
    if (without_blanks(structure) == without_blanks(text)) return structure;
  }
  return "";
}

std::string chain_of(const Item& item) {
  if (!item.aux.contains("group_structure") || !item.aux.at("group_structure").is_string()) return "";
  return chain_structure(item.aux.at("group_structure").get<std::string>());
}

double group_value(std::string_view rule, std::string_view structure, const std::vector<Member>& members) {
  if (rule == "pairs") return pairs(members);
  if (rule == "relevance") return relevance(points_of(members));
  if (rule == "logic") {
    const auto chain =
        std::find_if(kChains.begin(), kChains.end(), [&](const Chain& one) { return one.structure == structure; });
    expect(chain != kChains.end(), "a logic group has one of the three structures");
    return logic(*chain, points_of(members));
  }
  expect(rule == "all", "a rule of group_rules()");
  return std::all_of(members.begin(), members.end(), [](const Member& member) { return member.points > 0; }) ? 1 : 0;
}

}  // namespace rrpo::rows
